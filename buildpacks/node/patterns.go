package node

import (
	"fmt"
	"regexp"
	"strings"

	"slugc/buildpacks/diagnosis"
)

// patterns are the known failures of npm (6 says "npm ERR!", later ones "npm error"), yarn, pnpm
// and Node itself, the particular before the general (languages.md 3.8).
func (b *work) patterns() []diagnosis.Pattern {
	manager := "npm"
	lock := "the lock file"
	if b.app != nil {
		manager = toolOf(b.app.Manager)
		if b.app.Lockfile != "" {
			lock = b.app.Lockfile
		}
	}
	return patternsFor(manager, lock)
}

func patternsFor(manager, lock string) []diagnosis.Pattern {
	var all []diagnosis.Pattern
	all = append(all, lockPatterns(manager, lock)...)
	all = append(all, packagePatterns()...)
	all = append(all, diagnosis.Common("node")...)
	return append(all, scriptPatterns()...)
}

func pattern(id, match string, make func(m []string) *diagnosis.Diagnosis) diagnosis.Pattern {
	return diagnosis.Pattern{ID: "node/" + id, Match: regexp.MustCompile(match), Make: make}
}

// says is a diagnosis by format. The first text is the summary, the others are hints; %[1]s, %[2]s
// are the submatches.
func says(place string, texts ...string) func([]string) *diagnosis.Diagnosis {
	return func(m []string) *diagnosis.Diagnosis {
		args := make([]any, 0, len(m))
		for _, sub := range m[1:] {
			args = append(args, strings.TrimSpace(sub))
		}
		d := &diagnosis.Diagnosis{Place: place}
		for i, text := range texts {
			if strings.Contains(text, "%[") {
				text = fmt.Sprintf(text, args...)
			}
			if i == 0 {
				d.Summary = text
			} else {
				d.Hints = append(d.Hints, text)
			}
		}
		return d
	}
}

// lockPatterns: the lock file and package.json don't agree, or there is no lock file to speak of.
func lockPatterns(manager, lock string) []diagnosis.Pattern {
	install := "run `" + lockCommand(manager) + "` and commit " + lock
	stale := lock + " does not match package.json."
	return []diagnosis.Pattern{
		pattern(
			"lockfile-out-of-sync",
			`EUSAGE[\s\S]*?Please update your lock file[\s\S]*?npm (?:ERR!|error) Missing: (\S+) from lock file`,
			says(lock, lock+" does not match package.json: %[1]s is missing from it.", install),
		),
		pattern(
			"lockfile-out-of-sync",
			`EUSAGE[\s\S]*?Please update your lock file[\s\S]*?npm (?:ERR!|error) Invalid: lock file's (\S+) does not satisfy (\S+)`,
			says(lock, lock+" does not match package.json: it has %[1]s, and %[2]s is asked for.", install),
		),
		pattern("lockfile-out-of-sync", `EUSAGE[\s\S]*?Please update your lock file`, says(lock, stale, install)),
		pattern("lockfile-out-of-sync", `Your lockfile needs to be updated`, says(lock, stale, install)),
		pattern("lockfile-out-of-sync", `YN0028`, says(lock, stale, install)),
		pattern(
			"lockfile-out-of-sync",
			`ERR_PNPM_OUTDATED_LOCKFILE[\s\S]*?\* (\d+ dependenc[^\n]+)`,
			says(lock, lock+" does not match package.json: %[1]s.", install),
		),
		pattern(
			"lockfile-out-of-sync",
			`ERR_PNPM_OUTDATED_LOCKFILE|lockfile had changes, but lockfile is frozen|ERR_PNPM_LOCKFILE_CONFIG_MISMATCH`,
			says(lock, stale, install),
		),
		pattern(
			"lockfile-invalid",
			`ERR_PNPM_BROKEN_LOCKFILE|EUSAGE[\s\S]*?can only install with an existing package-lock\.json|JSONParseError[\s\S]*?package-lock\.json|EJSONPARSE[\s\S]*?package-lock\.json|Failed to parse lockfile`,
			says(
				lock,
				lock+" cannot be read: it is damaged, empty or holds merge conflict marks.",
				"restore it from git, or remove it, then "+install,
			),
		),
		pattern("lockfile-missing", `ERR_PNPM_NO_LOCKFILE`, says("package.json", "There is no lock file.", install)),
	}
}

// packagePatterns: a package cannot be had, or not this way.
func packagePatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{
		pattern(
			"flatmap-stream",
			`(?:E404|404)[\s\S]*?flatmap-stream`,
			says(
				"package.json",
				"The package flatmap-stream was removed from the registry because it attacked its users.",
				"update event-stream or whatever depends on flatmap-stream, and commit the lock file",
			),
		),
		pattern("package-not-found", `npm (?:ERR!|error) 404\s+'([^']+)' is not in`, notFound),
		pattern(
			"package-not-found",
			`npm (?:ERR!|error) code E404[\s\S]*?404[^\n]*?(?:GET|PUT) \S+?://[^/\s]+/(\S+)`,
			notFound,
		),
		pattern("package-not-found", `Couldn't find package "([^"]+)"`, notFound),
		pattern("package-not-found", `YN0035: │ (\S+?)@\S*: Package not found`, notFound),
		pattern("package-not-found", `ERR_PNPM_FETCH_404[\s\S]*?\n(\S+) is not in the npm registry`, notFound),
		pattern("package-not-found", `error: GET \S+?://[^/\s]+/(\S+) - 404`, notFound),
		pattern("registry-denied", `npm (?:ERR!|error) code (E401|E403|ENEEDAUTH)|ERR_PNPM_FETCH_(401|403)|YN0041`,
			says(
				".npmrc",
				"The registry refused to serve a package to this build: it needs a token, or another one.",
				"put the token into the build configuration, and `//host/:_authToken=${NPM_TOKEN}` into .npmrc; never commit the token itself",
			)),
		pattern("version-not-found", `No matching version found for (\S+?)\.?(?:\s|$)`, noVersion),
		pattern(
			"version-not-found",
			`Couldn't find any versions for "([^"]+)" that matches "([^"]*)"`,
			func(m []string) *diagnosis.Diagnosis {
				return noVersion([]string{m[0], m[1] + "@" + m[2]})
			},
		),
		pattern("version-not-found", `YN0082: │ ([^:]+): No candidates found`, noVersion),
		pattern(
			"integrity",
			`EINTEGRITY|YN0018|ERR_PNPM_TARBALL_INTEGRITY|Integrity check failed`,
			says(
				"",
				"A package's content is not what the lock file's checksum says.",
				"if the lock file was edited or merged by hand, make it anew",
				"otherwise the registry or a proxy serves something else than was locked: find out why before you trust it",
			),
		),
		pattern(
			"peer-conflict",
			`npm (?:ERR!|error) code ERESOLVE[\s\S]*?(?:peer|peerOptional) (\S+)@"([^"]*)" from (\S+)`,
			says(
				"package.json",
				"Two dependencies do not go together: %[3]s wants %[1]s %[2]s beside it.",
				"change the versions in package.json so that they agree",
				"or set npm_config_legacy_peer_deps=true in the build configuration, as npm 6 did",
			),
		),
		pattern(
			"peer-conflict",
			`npm (?:ERR!|error) code ERESOLVE|ERR_PNPM_PEER_DEP_ISSUES`,
			says(
				"package.json",
				"Dependencies do not go together: their peer dependencies contradict each other.",
				"change the versions in package.json so that they agree",
			),
		),
		pattern("platform-unsupported", `(?:ERR!|error) (?:notsup )?Unsupported platform for (\S+?): wanted`,
			says("package.json", "%[1]s does not run on Linux.", "move it to optionalDependencies, or remove it")),
		pattern(
			"engine-unsupported",
			`npm (?:ERR!|error) code EBADENGINE|ERR_PNPM_UNSUPPORTED_ENGINE|The engine "node" is incompatible`,
			says(
				"package.json",
				"A package does not accept this version of Node.js or of its package manager, and engine-strict is on.",
				"choose a version in package.json engines that all packages accept",
			),
		),
		pattern(
			"package-name-invalid",
			`Invalid package name "([^"]+)"`,
			says(
				"package.json",
				"package.json names a dependency that cannot exist: %[1]q.",
				"correct the name in package.json",
			),
		),
		pattern(
			"script-not-allowed",
			`ESTRICTALLOWSCRIPTS`,
			says(
				"package.json",
				"npm does not run a dependency's install script that is not allowed.",
				"allow it with `npm install-scripts approve`, and commit package.json",
			),
		),
		pattern(
			"git-not-allowed",
			`EALLOWGIT`,
			says(
				"package.json",
				"npm does not install dependencies from git unless that is allowed.",
				"set `allow-git=all` in .npmrc, or publish the package to a registry",
			),
		),
		pattern(
			"remote-not-allowed",
			`EALLOWREMOTE`,
			says(
				"package.json",
				"npm does not install dependencies from an address unless that is allowed.",
				"set `allow-remote=all` in .npmrc, or publish the package to a registry",
			),
		),
	}
}

func notFound(m []string) *diagnosis.Diagnosis {
	return says("package.json", "The package %[1]s is not in the registry, or is private.",
		"check its name", "for a private package, name its registry and token in .npmrc")(m)
}

func noVersion(m []string) *diagnosis.Diagnosis {
	return says("package.json", "No published version fits %[1]s.", "correct the version in package.json")(m)
}

// scriptPatterns: something ran and failed.
func scriptPatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{
		pattern(
			"heap-out-of-memory",
			`JavaScript heap out of memory|Reached heap limit`,
			says(
				"",
				"Node.js ran out of memory (JavaScript heap out of memory).",
				"set NODE_OPTIONS=--max_old_space_size=4096 in the build configuration, if the machine has that much",
			),
		),
		pattern(
			"openssl-unsupported",
			`ERR_OSSL_EVP_UNSUPPORTED[\s\S]*?webpack|webpack[\s\S]*?ERR_OSSL_EVP_UNSUPPORTED`,
			says(
				"package.json",
				"This webpack hashes with MD4, which OpenSSL 3 (Node.js 17 and newer) refuses.",
				"update webpack to 5.61 or newer",
				"or set NODE_OPTIONS=--openssl-legacy-provider in the build configuration",
			),
		),
		pattern(
			"openssl-unsupported",
			`ERR_OSSL_EVP_UNSUPPORTED|digital envelope routines::unsupported`,
			says(
				"",
				"A script uses an algorithm that OpenSSL 3 (Node.js 17 and newer) refuses.",
				"update the package that uses it",
				"or set NODE_OPTIONS=--openssl-legacy-provider in the build configuration",
			),
		),
		pattern(
			"git-failed",
			`npm (?:ERR!|error) code 128[\s\S]*?npm (?:ERR!|error) command (git [^\n]*)`,
			says(
				"package.json",
				"A dependency could not be fetched with `%[1]s`.",
				"check that the repository exists and is public, or use an https URL with a token",
			),
		),
		pattern(
			"native-build-failed",
			`gyp ERR! find Python|Could not find any Python installation to use`,
			says(
				"",
				"A native addon must be compiled and the build machine has no Python.",
				"install python3 on the build machine",
				"or use a version of the package with a prebuilt binary for this Node.js",
			),
		),
		pattern(
			"native-build-failed",
			`gyp ERR! (?:build error|not ok)`,
			says(
				"",
				"Compiling a native addon with node-gyp failed.",
				"use a version of the package that supports this Node.js",
				"or name an older Node.js in package.json engines",
			),
		),
		pattern(
			"install-script-failed",
			`npm (?:ERR!|error) code (?:ELIFECYCLE|\d+)\s+npm (?:ERR!|error) path \S*?(?:node_modules/|/)((?:@[^/\s]+/)?[^/\s]+)\s+npm (?:ERR!|error) command failed\s+npm (?:ERR!|error) command (?:sh -c )?([^\n]*)`,
			says(
				"",
				"The install script of %[1]s failed: `%[2]s`.",
				"its output is above; a newer or older version of the package may install",
			),
		),
		pattern(
			"install-script-failed",
			`Failed at the (\S+) \w*install script`,
			says(
				"",
				"The install script of %[1]s failed.",
				"its output is above; a newer or older version of the package may install",
			),
		),
		pattern(
			"install-script-failed",
			`YN0009: │ ([^@\s]*@?[^@\s]+)@\S* couldn't be built successfully`,
			says(
				"",
				"The install script of %[1]s failed.",
				"its output is above; a newer or older version of the package may install",
			),
		),
		pattern(
			"yarn-install-argument",
			"`install` has been replaced with `add`",
			says(
				"package.json",
				"A script calls `yarn install` with a package name, which yarn refuses.",
				"add the package to package.json with `yarn add`, and remove the name from the script",
			),
		),
		pattern(
			"script-missing",
			`(?i)missing script:? "?([^\s"]+)"?|ERR_PNPM_NO_SCRIPT[^\n]*?script: (\S+)|Couldn't find a script named "([^"]+)"`,
			func(m []string) *diagnosis.Diagnosis {
				return says(
					"package.json",
					"A script calls the script %[1]q, which package.json does not have.",
					"add it to the scripts of package.json, or correct its name",
				)(
					[]string{m[0], m[1] + m[2] + m[3]},
				)
			},
		),
		pattern(
			"command-not-found",
			`(?m)^\s*(?:sh|bash|/bin/sh): (?:line )?(?:\d+: )?(\S+): (?:command )?not found|command not found: (\S+)`,
			func(m []string) *diagnosis.Diagnosis {
				return says(
					"package.json",
					"A script calls %[1]q, which is not installed.",
					"add the package that has it to dependencies or devDependencies, and commit the lock file",
				)(
					[]string{m[0], m[1] + m[2]},
				)
			},
		),
		pattern(
			"module-not-found",
			`(?:Cannot find (?:module|package)|Can't resolve) '([^']+)'`,
			says(
				"",
				"A script needs the module %[1]q, which is not installed or not committed.",
				"if it is a package, add it to package.json and commit the lock file",
				"if it is a file, check its name, upper and lower case included, and that .gitignore does not hide it",
			),
		),
	}
}
