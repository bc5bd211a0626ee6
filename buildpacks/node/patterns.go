package node

import (
	"slices"

	"slugc/buildpacks/diagnosis"
)

// patterns returns the known failures of npm (6 says "npm ERR!", later ones "npm error"), yarn,
// pnpm and Node itself, the particular before the general.
func (b *work) patterns() []diagnosis.Pattern {
	manager, lock := "npm", "the lock file"
	if b.app != nil {
		manager = toolOf(b.app.Manager)
		if b.app.Lockfile != "" {
			lock = b.app.Lockfile
		}
	}
	return patternsFor(manager, lock)
}

func patternsFor(manager, lock string) []diagnosis.Pattern {
	return slices.Concat(
		lockPatterns(manager, lock), registryPatterns, packagePatterns, diagnosis.Common("node"), buildPatterns,
		scriptPatterns,
	)
}

// pattern returns a pattern of Node's tools ([diagnosis.NewPattern]).
func pattern(id, expression, place, summary string, hints ...string) diagnosis.Pattern {
	return diagnosis.NewPattern("node/"+id, expression, place, summary, hints...)
}

// manifestFile is the place of most failures.
const manifestFile = "package.json"

// npmError starts a line of npm's.
const npmError = `npm (?:ERR!|error) `

// lockPatterns are lock files that do not match package.json, or that cannot be read.
func lockPatterns(manager, lock string) []diagnosis.Pattern {
	install := "run `" + lockCommand(manager) + "` and commit " + lock
	const usage = `EUSAGE[\s\S]*?Please update your lock file`
	outOfSync := func(expression, reason string) diagnosis.Pattern {
		summary := lock + " does not match package.json" + reason + "."
		return pattern("lockfile-out-of-sync", expression, lock, summary, install)
	}
	return []diagnosis.Pattern{
		outOfSync(usage+`[\s\S]*?`+npmError+`Missing: (\S+) from lock file`, ": $1 is missing from it"),
		outOfSync(usage+`[\s\S]*?`+npmError+`Invalid: lock file's (\S+) does not satisfy (\S+)`,
			": it has $1, and $2 is asked for"),
		outOfSync(usage, ""),
		outOfSync(`Your lockfile needs to be updated`, ""),
		outOfSync(`YN0028`, ""),
		outOfSync(`ERR_PNPM_OUTDATED_LOCKFILE[\s\S]*?\* (\d+ dependenc[^\n]+)`, ": $1"),
		outOfSync(`ERR_PNPM_OUTDATED_LOCKFILE|lockfile had changes, but lockfile is frozen`, ""),
		pattern("lockfile-settings", `ERR_PNPM_LOCKFILE_CONFIG_MISMATCH(?:[\s\S]*?The current "(\w+)")?`, lock,
			lock+" was made with other settings than this pnpm finds ($1).",
			"if they are in pnpm-workspace.yaml, which pnpm reads from version 10 on, or in package.json, which it "+
				"reads before version 11: name the version that made the lock file in package.json packageManager",
			"else "+install),
		pattern("pnpm-workspace-unread", `packages field missing or empty`, "pnpm-workspace.yaml",
			"This version of pnpm wants pnpm-workspace.yaml to name packages. From version 10 on the file may hold "+
				"settings alone.",
			"name pnpm 10 or newer in package.json packageManager", "or move the settings to package.json pnpm"),
		pattern("lockfile-invalid", `ERR_PNPM_BROKEN_LOCKFILE|`+
			`EUSAGE[\s\S]*?can only install with an existing package-lock\.json|`+
			`JSONParseError[\s\S]*?package-lock\.json|EJSONPARSE[\s\S]*?package-lock\.json|`+
			`Failed to parse lockfile`, lock,
			lock+" cannot be read: it is damaged, empty or has merge conflict markers.",
			"restore it from git, or remove it, then "+install),
		pattern("lockfile-missing", `ERR_PNPM_NO_LOCKFILE`, manifestFile, "There is no lock file.", install),
	}
}

// registryPatterns are packages that a registry does not serve.
var registryPatterns = []diagnosis.Pattern{
	pattern("flatmap-stream", `(?:E404|404)[\s\S]*?flatmap-stream`, manifestFile,
		"The package flatmap-stream was removed from the registry because it attacked its users.",
		"update event-stream or whatever depends on flatmap-stream, and commit the lock file"),
	notFound(npmError + `404\s+'([^']+)' is not in`),
	notFound(npmError + `code E404[\s\S]*?404[^\n]*?(?:GET|PUT) \S+?://[^/\s]+/(\S+)`),
	notFound(`Couldn't find package "([^"]+)"`),
	notFound(`YN0035: │ (\S+?)@\S*: Package not found`),
	notFound(`ERR_PNPM_FETCH_404[\s\S]*?\n(\S+) is not in the npm registry`),
	notFound(`error: GET \S+?://[^/\s]+/(?:\S*/)?((?:@[^/\s]+/)?[^/\s]+)/-/\S+ - 404`),
	notFound(`error: GET \S+?://[^/\s]+/(\S+) - 404`),
	pattern("registry-denied", npmError+`code (?:E401|E403|ENEEDAUTH)|ERR_PNPM_FETCH_(?:401|403)|YN0041`, ".npmrc",
		"The registry refused to serve a package to this build: it needs a token, or another one.",
		"put the token into the build configuration, and `//host/:_authToken=$${NPM_TOKEN}` into .npmrc; "+
			"never commit the token itself"),
	noVersion(`No matching version found for (\S+?)\.?(?:\s|$)`, "$1"),
	noVersion(`Couldn't find any versions for "([^"]+)" that matches "([^"]*)"`, "$1@$2"),
	noVersion(`YN0082: │ ([^:]+): No candidates found`, "$1"),
	pattern("integrity", `EINTEGRITY|YN0018|ERR_PNPM_TARBALL_INTEGRITY|Integrity check failed`, "",
		"A package's content is not what the lock file's checksum says.",
		"if the lock file was edited or merged by hand, make it again",
		"otherwise the registry or a proxy serves something else than was locked: "+
			"find out why before you trust it").Again(),
}

func notFound(expression string) diagnosis.Pattern {
	return pattern("package-not-found", expression, manifestFile,
		"The package $1 is not in the registry, or is private.",
		"check its name", "for a private package, name its registry and token in .npmrc")
}

func noVersion(expression, asked string) diagnosis.Pattern {
	return pattern("version-not-found", expression, manifestFile,
		"No published version fits "+asked+".", "correct the version in package.json")
}

// packagePatterns are packages that cannot be installed here, or not together.
var packagePatterns = []diagnosis.Pattern{
	pattern("peer-conflict",
		npmError+`code ERESOLVE[\s\S]*?(?:peer|peerOptional) (\S+)@"([^"]*)" from (\S+)`, manifestFile,
		"Two dependencies do not go together: $3 wants $1 $2 beside it.",
		"change the versions in package.json so that they agree",
		"or set npm_config_legacy_peer_deps=true in the build configuration, as npm 6 did"),
	pattern("peer-conflict", npmError+`code ERESOLVE|ERR_PNPM_PEER_DEP_ISSUES`, manifestFile,
		"Dependencies do not go together: their peer dependencies contradict each other.",
		"change the versions in package.json so that they agree"),
	pattern("platform-unsupported", `(?:ERR!|error) (?:notsup )?Unsupported platform for (\S+?): wanted`, manifestFile,
		"$1 does not run on Linux.", "move it to optionalDependencies, or remove it"),
	pattern("engine-unsupported",
		npmError+`code EBADENGINE|ERR_PNPM_UNSUPPORTED_ENGINE|The engine "node" is incompatible`, manifestFile,
		"A package does not accept this version of Node.js or of its package manager, and engine-strict is on.",
		"choose a version in package.json engines that all packages accept"),
	pattern("package-name-invalid", `Invalid package name "([^"]+)"`, manifestFile,
		`package.json names a dependency that cannot exist: "$1".`, "correct the name in package.json"),
	pattern("script-not-allowed", `ESTRICTALLOWSCRIPTS`, manifestFile,
		"npm does not run a dependency's install script that is not allowed.",
		"allow it with `npm install-scripts approve`, and commit package.json"),
	pattern("git-not-allowed", `EALLOWGIT`, manifestFile,
		"npm does not install dependencies from git unless that is allowed.",
		"set `allow-git=all` in .npmrc, or publish the package to a registry"),
	pattern("remote-not-allowed", `EALLOWREMOTE`, manifestFile,
		"npm does not install dependencies from an address unless that is allowed.",
		"set `allow-remote=all` in .npmrc, or publish the package to a registry"),
}

// buildPatterns are failures of Node, git and native addons.
var buildPatterns = []diagnosis.Pattern{
	pattern("heap-out-of-memory", `JavaScript heap out of memory|Reached heap limit`, "",
		"Node.js ran out of memory (JavaScript heap out of memory).",
		"set NODE_OPTIONS=--max_old_space_size=4096 in the build configuration, if the machine has that much"),
	pattern("openssl-unsupported",
		`ERR_OSSL_EVP_UNSUPPORTED[\s\S]*?webpack|webpack[\s\S]*?ERR_OSSL_EVP_UNSUPPORTED`, manifestFile,
		"This webpack hashes with MD4, which OpenSSL 3 (Node.js 17 and newer) refuses.",
		"update webpack to 5.61 or newer", "or set NODE_OPTIONS=--openssl-legacy-provider in the build configuration"),
	pattern("openssl-unsupported", `ERR_OSSL_EVP_UNSUPPORTED|digital envelope routines::unsupported`, "",
		"A script uses an algorithm that OpenSSL 3 (Node.js 17 and newer) refuses.",
		"update the package that uses it", "or set NODE_OPTIONS=--openssl-legacy-provider in the build configuration"),
	pattern("git-failed", npmError+`code 128[\s\S]*?`+npmError+`command (git [^\n]*)`, manifestFile,
		"A dependency could not be fetched with `$1`.",
		"check that the repository exists and is public, or use an https URL with a token"),
	pattern("native-build-failed", `gyp ERR! find Python|Could not find any Python installation to use`, "",
		"A native addon must be compiled and the build machine has no Python.",
		"install python3 on the build machine",
		"or use a version of the package with a prebuilt binary for this Node.js"),
	pattern("native-build-failed", `gyp ERR! (?:build error|not ok)`, "",
		"Compiling a native addon with node-gyp failed.",
		"use a version of the package that supports this Node.js", "or name an older Node.js in package.json engines"),
	installScript(npmError+`code (?:ELIFECYCLE|\d+)\s+`+npmError+
		`path \S*?(?:node_modules/|/)((?:@[^/\s]+/)?[^/\s]+)\s+`+npmError+`command failed\s+`+
		npmError+`command (?:sh -c )?([^\n]*)`, ": `$2`"),
	installScript(`Failed at the (\S+) \w*install script`, ""),
	installScript(`YN0009: │ ([^@\s]*@?[^@\s]+)@\S* couldn't be built successfully`, ""),
}

func installScript(expression, command string) diagnosis.Pattern {
	return pattern("install-script-failed", expression, "", "The install script of $1 failed"+command+".",
		"its output is above; a newer or older version of the package may install")
}

// scriptPatterns are scripts that call what is not there.
var scriptPatterns = []diagnosis.Pattern{
	pattern("yarn-install-argument", "`install` has been replaced with `add`", manifestFile,
		"A script calls `yarn install` with a package name, which yarn refuses.",
		"add the package to package.json with `yarn add`, and remove the name from the script"),
	pattern("script-missing", `(?i)missing script:? "?([^\s"]+)"?|ERR_PNPM_NO_SCRIPT[^\n]*?script: (\S+)|`+
		`Couldn't find a script named "([^"]+)"`, manifestFile,
		`A script calls the script "$1$2$3", which package.json does not have.`,
		"add it to the scripts of package.json, or correct its name"),
	pattern("command-not-found", `(?m)^\s*(?:sh|bash|/bin/sh): (?:line )?(?:\d+: )?(\S+): (?:command )?not found|`+
		`command not found: (\S+)`, manifestFile,
		`A script calls "$1$2", which is not installed.`,
		"add the package that has it to dependencies or devDependencies, and commit the lock file"),
	pattern("module-not-found", `(?:Cannot find (?:module|package)|Can't resolve) '([^']+)'`, "",
		`A script needs the module "$1", which is not installed or not committed.`,
		"if it is a package, add it to package.json and commit the lock file",
		"if it is a file, check its name, upper and lower case included, and that .gitignore does not hide it"),
}
