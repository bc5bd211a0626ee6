// Package golang is Go as a tool for the toolchain store.
//
// Go comes, in this order, as the module golang.org/toolchain through the configured module
// proxies, checked against the checksum database; from a go.dev/dl-layout distribution; or from the
// machine, where it is used where it lies. [Tool] is all there is:
//
//	tool := golang.Tool(env, golang.Settings{Proxy: "https://proxy.example.org", SumDB: "sum.example.org"})
//
// # Constraints
//
// A constraint is what package gorange reads: a version, or bounds such as ">=1.24 <1.26". For
// people a line of releases, "1.25" or "1.25.x", asks for the newest patch of it, and "", "*",
// "latest" and "stable" ask for the newest release. Versions may start with "go".
package golang

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/toolchain/source"
)

// Settings configures the sources of Go. GOPROXY, GOSUMDB and GONOSUMDB are as `go env` prints
// them.
type Settings struct {
	Dist    string // base of a go.dev/dl-layout distribution; "" is the authors' own, "off" disables the source
	Proxy   string // GOPROXY: bases, "direct" and "off", separated by "," or "|"; "" disables the source
	SumDB   string // GOSUMDB: "name", "name+hash+key", either followed by " url"; "off" trusts the proxy
	NoSumDB string // GONOSUMDB: patterns of modules that are not looked up
	Local   Local
}

// Local is a Go that is already on the machine, the last resort. The zero value is none.
type Local struct {
	Root    string // GOROOT
	Version string // "1.26.5", with or without the "go" prefix
}

// Tool is Go.
func Tool(env *source.Env, set Settings) source.Tool {
	return source.Tool{
		Name:    "go",
		Parse:   parse,
		Compare: compare,
		Sources: []source.Source{&proxy{env, set}, newDist(env, set.Dist), &local{set.Local}},
	}
}

// finish undoes what a module zip cannot hold: the modes of programs, and the go.mod files that it
// carries as _go.mod.
func finish(tree, version string) error {
	if b, err := os.ReadFile(filepath.Join(tree, "VERSION")); err != nil || firstLine(b) != "go"+version {
		return fmt.Errorf("unpacking go%s: its VERSION file names another version", version)
	}
	for _, pattern := range []string{"bin/*", "pkg/tool/*/*", "lib/wasm/*_exec"} {
		programs, _ := filepath.Glob(filepath.Join(tree, filepath.FromSlash(pattern)))
		if len(programs) == 0 && pattern == "bin/*" {
			return fmt.Errorf("unpacking go%s: there is no program in it", version)
		}
		for _, p := range programs {
			if err := os.Chmod(p, 0o755); err != nil {
				return err
			}
		}
	}
	return filepath.WalkDir(tree, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != "_go.mod" || !d.Type().IsRegular() {
			return err
		}
		return os.Rename(p, filepath.Join(filepath.Dir(p), "go.mod"))
	})
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}
