package golang

import (
	"go/version"
	"strings"

	"slugc/buildpacks/command"
)

// since reports whether a Go release is of the line that a feature came with, or of a later one:
// since("1.18.10", "1.18"). The release notes (go.dev/doc/devel/release) say what came when.
func since(release, line string) bool {
	return version.Compare(version.Lang("go"+release), "go"+line) >= 0
}

// flagsSince are the flags that we or the user's GOFLAGS may have and that not every Go with modules
// knows, with the first that does. The go command refuses GOFLAGS with a flag that it does not know.
var flagsSince = map[string]string{
	"trimpath": "1.13", "modcacherw": "1.14", "modfile": "1.14", "overlay": "1.16", "asan": "1.18", "buildvcs": "1.18",
	"cover": "1.20", "coverpkg": "1.20", "covermode": "1.20", "pgo": "1.20", "C": "1.20",
}

// knows reports whether a Go release has a flag, written as in GOFLAGS.
func knows(release, flag string) bool {
	line, newer := flagsSince[flagName(flag)]
	if newer && !since(release, line) {
		return false
	}
	return flag != "-mod=mod" || since(release, "1.14")
}

// known returns those of the flags that a Go release has.
func known(release string, flags ...string) (list []string) {
	for _, f := range flags {
		if knows(release, f) {
			list = append(list, f)
		}
	}
	return list
}

// reproducible returns the flags that keep directories and the state of version control out of the
// binaries. Before Go 1.13 there are none, and binaries differ between directories.
func reproducible(release string) []string { return known(release, "-trimpath", "-buildvcs=false") }

// modFlag returns where modules come from. Before Go 1.16 the go command completed go.mod, and what
// is written for it relies on that: a go.mod without a go line is refused as read-only.
func modFlag(release string, vendored bool) []string {
	switch {
	case vendored:
		return []string{"-mod=vendor"}
	case since(release, "1.16"):
		return []string{"-mod=readonly"}
	}
	return nil
}

// joinTags joins build tags: with commas since Go 1.13.
func joinTags(release string, tags []string) string {
	if since(release, "1.13") {
		return strings.Join(tags, ",")
	}
	return strings.Join(tags, " ")
}

// proxyFor returns a GOPROXY as a Go release reads it: lists came with Go 1.13, and "|" in them with
// Go 1.15. An older one gets the first proxy that there is.
func proxyFor(release, proxy string) string {
	if !since(release, "1.15") {
		proxy = strings.ReplaceAll(proxy, "|", ",")
	}
	if !since(release, "1.13") {
		proxy, _, _ = strings.Cut(proxy, ",")
		if proxy == "direct" {
			return ""
		}
	}
	return proxy
}

// proxyHosts names the hosts of a GOPROXY, without credentials. The go command waits for them without end.
func proxyHosts(proxy string) string {
	return command.Hosts(strings.FieldsFunc(proxy, func(r rune) bool { return r == ',' || r == '|' })...)
}
