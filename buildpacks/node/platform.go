package node

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// Packages with native programs are published once for each platform, as optional dependencies of one package:
// @rollup/rollup-darwin-arm64, @esbuild/linux-x64. npm that finds a node_modules leaves those of other platforms
// out of package-lock.json, which then serves only the platform it was made on (npm/cli#4828).

// platformName takes the name of such a package apart: what its siblings share, the system, the processor, and
// the rest, such as the C library.
var platformName = lazyregexp.New(`^((?:@[^/]+/)?.*?)[-.]?(aix|android|darwin|freebsd|linux|linuxmusl|netbsd|openbsd|` +
	`openharmony|sunos|win32|windows)-(x64|64|x86_64|amd64|arm64|aarch64|arm|armv7|ia32|32|x86|loong64|mips64el|` +
	`ppc64|ppc64le|riscv64|s390x|universal)((?:-[a-z0-9]+)*)$`)

// lockedNames find the names of packages in lock files, each with the text that follows a name there.
var lockedNames = map[string]*lazyregexp.Regexp{
	"npm":   lazyregexp.New(`"(?:[^"\s]*/)?node_modules/((?:@[^/"\s]+/)?[^/"\s]+)": \{`),
	"yarn":  lazyregexp.New(`(?m)^"?((?:@[^/@"\s]+/)?[^@"\s]+)@`),
	"berry": lazyregexp.New(`(?m)^"?((?:@[^/@"\s]+/)?[^@"\s]+)@`),
	"pnpm":  lazyregexp.New(`(?m)^  '?/?((?:@[^/@'\s]+/)?[^@/'\s]+)[@/]\d`),
	"bun":   lazyregexp.New(`(?m)^\s+"(?:[^"\s]*?/)??((?:@[^/"\s]+/)?[^/"\s]+)": \["`),
}

// processors are the names that packages have for a processor.
var processors = map[string][]string{"amd64": {"x64", "64", "x86_64", "amd64"}, "arm64": {"arm64", "aarch64"}}

// foreign is a package that the lock file has for other platforms, and not for this one.
type foreign struct {
	family string // what the names of all platforms begin with: "@rollup/rollup", "@esbuild/"
	locked string // one that is locked: "@rollup/rollup-darwin-arm64"
}

// foreigners finds them in a lock file, sorted. The C library of the slug is glibc.
func foreigners(manager, lock, system, arch string) []foreign {
	names, ok := lockedNames[manager]
	if !ok {
		return nil
	}
	others, served := map[string]string{}, map[string]bool{}
	for _, m := range names.FindAllStringSubmatch(lock, -1) {
		parts := platformName.FindStringSubmatch(m[1])
		switch {
		case parts == nil || parts[1] == "":
		case parts[2] == system && slices.Contains(processors[arch], parts[3]) && !strings.Contains(parts[4], "musl"):
			served[parts[1]] = true
		case others[parts[1]] == "" || m[1] < others[parts[1]]:
			others[parts[1]] = m[1]
		}
	}
	var found []foreign
	for _, family := range slices.Sorted(maps.Keys(others)) {
		if !served[family] {
			found = append(found, foreign{family, others[family]})
		}
	}
	return found
}

// nativeMissing are what loaders of native programs say that do not name the package.
const nativeMissing = `(?:find|load) native binding|Failed to load SWC binary for|Could not load the "sharp" module|` +
	`for another platform than the one you're currently using|bug related to optional dependencies`

// platformPatterns are the failures of packages that the lock file has for other platforms only.
func platformPatterns(manager, lockfile, lock, system, arch string) []diagnosis.Pattern {
	found := foreigners(manager, lock, system, arch)
	if len(found) == 0 {
		return nil
	}
	made := func(expression string, one foreign) diagnosis.Pattern {
		remake := "remove %s and node_modules, run `%s install` and commit %s"
		hints := []string{fmt.Sprintf(remake, lockfile, toolOf(manager), lockfile)}
		if manager == "pnpm" || manager == "berry" {
			hints = append(hints, "if supportedArchitectures is set, add linux and "+processors[arch][0])
		}
		summary := fmt.Sprintf("%s was made on another platform: it has %s, and nothing of the kind for %s %s.",
			lockfile, one.locked, system, arch)
		summary = strings.ReplaceAll(summary, "$", "$$")
		return pattern("lockfile-of-another-platform", expression, lockfile, summary, hints...)
	}
	var patterns []diagnosis.Pattern
	for _, one := range found {
		// Bundled loaders write @tailwindcss/oxide-linux-x64-gnu as tailwindcss-oxide.linux-x64-gnu.node.
		file := strings.ReplaceAll(strings.TrimPrefix(one.family, "@"), "/", "-")
		if strings.HasSuffix(one.family, "/") {
			file = one.family
		}
		patterns = append(patterns, made(`(?:`+regexp.QuoteMeta(one.family)+`|`+regexp.QuoteMeta(file)+`)[-.]?`+
			regexp.QuoteMeta(system)+`(?:musl)?-(?:`+strings.Join(processors[arch], "|")+`)`, one))
	}
	return append(patterns, made(nativeMissing, found[0]))
}

// explain returns the diagnosis of a package manager's or a script's failure, nil for nil.
func (b *work) explain(err error, unknown command.Unknown) error {
	if err == nil {
		return nil
	}
	known := b.patterns()
	if b.app != nil && b.app.Lockfile != "" {
		target := b.CNB.TargetInfo
		lock := string(b.readOwn(b.app.Lockfile))
		known = slices.Concat(platformPatterns(b.app.Manager, b.app.Lockfile, lock, target.OS, target.Arch), known)
	}
	return command.Explain(err, known, unknown)
}
