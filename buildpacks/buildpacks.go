// Package buildpacks holds the built-in buildpacks: which there are, how they are laid out on disk
// as Cloud Native Buildpacks, and the process that one runs in. A built-in buildpack's bin/build is
// a link to slugc itself, which acts as the buildpack when called by that name.
package buildpacks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/clojure"
	"slugc/buildpacks/golang"
	"slugc/buildpacks/node"
	"slugc/buildpacks/ruby"
	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/detect"
)

// Builtin is a built-in buildpack.
type Builtin struct {
	ID, Version string
	Language    detect.Language
	Detect      libcnb.DetectFunc
	Build       libcnb.BuildFunc
}

// Order lists the built-in buildpacks.
var Order = []Builtin{
	{ID: golang.ID, Version: golang.Version, Language: detect.Go, Detect: golang.Detect, Build: golang.Build},
	{ID: clojure.ID, Version: clojure.Version, Language: detect.Clojure, Detect: clojure.Detect, Build: clojure.Build},
	{ID: node.ID, Version: node.Version, Language: detect.Node, Detect: node.Detect, Build: node.Build},
	{ID: ruby.ID, Version: ruby.Version, Language: detect.Ruby, Detect: ruby.Detect, Build: ruby.Build},
}

// For returns the buildpack of a language.
func For(language detect.Language) (Builtin, bool) {
	for _, b := range Order {
		if b.Language == language {
			return b, true
		}
	}
	return Builtin{}, false
}

// Title is a language's name for people.
func Title(l detect.Language) string {
	return map[detect.Language]string{detect.Ruby: "Ruby", detect.Node: "Node.js", detect.Go: "Go", detect.Clojure: "Clojure"}[l]
}

// supplied are the tools that the toolchain store fetches.
var supplied = map[string]bool{
	"node":      true,
	"npm":       true,
	"yarn":      true,
	"pnpm":      true,
	"bun":       true,
	"go":        true,
	"ruby":      true,
	"jdk":       true,
	"leiningen": true,
	"clojure":   true,
}

// Requests lists the toolchains that the chosen languages ask for and the toolchain room can
// supply. An app for another engine than MRI gets none: its buildpack refuses it.
func Requests(chosen []detect.Result) []toolchain.Request {
	var list []toolchain.Request
	for _, result := range chosen {
		if app, ok := result.App.(*detect.RubyApp); ok && app.Engine != "ruby" {
			continue
		}
		for _, r := range result.Requires {
			if supplied[r.Tool] {
				list = append(
					list,
					toolchain.Request{Tool: r.Tool, Constraint: r.Constraint, From: r.From, Hash: r.Hash},
				)
			}
		}
	}
	return list
}

const api = "0.10"

// Materialise returns the buildpack's directory below dir, made where it is missing:
// buildpack.toml, bin/detect and bin/build, the last two links to self, the path of the slugc
// binary. It may be called concurrently, also by several processes.
func (b Builtin) Materialise(dir, self string) (string, error) {
	name := strings.ReplaceAll(b.ID, "/", "_")
	final := filepath.Join(dir, name, b.Version+"-"+cache.Key(self)[:12])
	if _, err := os.Lstat(final); err == nil {
		return final, nil
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return "", fmt.Errorf("laying out buildpack %s: %w", b.ID, err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(final), ".new-*")
	if err != nil {
		return "", fmt.Errorf("laying out buildpack %s: %w", b.ID, err)
	}
	defer os.RemoveAll(tmp)
	err = errors.Join(
		os.Chmod(tmp, 0o755),
		os.Mkdir(filepath.Join(tmp, "bin"), 0o755),
		os.Symlink(
			self,
			filepath.Join(tmp, "bin", "build"),
		),
		os.Symlink(self, filepath.Join(tmp, "bin", "detect")),
		b.writeTOML(filepath.Join(tmp, "buildpack.toml")),
	)
	if err != nil {
		return "", fmt.Errorf("laying out buildpack %s: %w", b.ID, err)
	}
	if err := os.Rename(tmp, final); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("laying out buildpack %s: %w", b.ID, err)
	}
	return final, nil
}

func (b Builtin) writeTOML(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	type target struct {
		OS string `toml:"os"`
	}
	doc := struct {
		API       string   `toml:"api"`
		Buildpack any      `toml:"buildpack"`
		Targets   []target `toml:"targets"`
	}{
		API: api, Targets: []target{{OS: "linux"}},
		Buildpack: struct {
			ID          string   `toml:"id"`
			Version     string   `toml:"version"`
			Name        string   `toml:"name"`
			SBOMFormats []string `toml:"sbom-formats"`
		}{b.ID, b.Version, Title(b.Language), []string{"application/vnd.cyclonedx+json"}},
	}
	return errors.Join(toml.NewEncoder(f).Encode(doc), f.Close())
}
