package main

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// hostileRooms are the packages that work in trees that a build could write. They must do so through
// package cache/beneath.
var hostileRooms = []string{"cache", "compiler", "compiler/classic", "compiler/lifecycle", "compiler/slug"}

// byPath are the calls that reach a file by its path, and follow links on the way there.
var byPath = map[string]string{
	"os": "Open OpenFile OpenRoot OpenInRoot Create CreateTemp MkdirTemp ReadFile WriteFile Remove RemoveAll " +
		"Rename Stat Lstat ReadDir CopyFS DirFS Link Symlink Readlink Chmod Chown Lchown Chtimes Truncate " +
		"Mkdir MkdirAll",
	"filepath": "Walk WalkDir Glob EvalSymlinks",
	"unix":     "Open Stat Lstat Rename Unlink Rmdir Mkdir Chmod Truncate Readlink Link Symlink",
}

// ownPlaces says, by file, which of these calls it may make, and why no build can write where they lead.
var ownPlaces = map[string]struct{ calls, why string }{
	"cache/build.go":  {"os.Lstat os.Mkdir os.MkdirAll os.Rename", "the app's state, before anything runs"},
	"cache/cache.go":  {"os.MkdirAll os.ReadDir os.ReadFile os.WriteFile", "the state directory and the lock"},
	"cache/mark.go":   {"os.Link os.Mkdir os.ReadFile os.Rename os.Stat", "the mark, which no build sees"},
	"cache/record.go": {"os.Lstat os.Remove", "the record and the slugs"},
	"cache/use.go": {
		"os.Chtimes os.Lstat os.MkdirAll os.ReadDir os.Remove os.Rename os.Stat os.WriteFile",
		"notes among the app's state, the slugs, and the layers directory itself, which is not followed",
	},
	"cache/recover.go": {
		"os.CreateTemp os.Link os.ReadDir os.Remove os.Rename", "the app's state; a rename follows no link at its end",
	},

	"compiler/buildpacks.go": {"filepath.EvalSymlinks", "the slugc binary and the state directory"},
	"compiler/commit.go":     {"filepath.WalkDir os.Open", "the source before anything runs"},
	"compiler/detect.go":     {"os.MkdirAll", "what is told of the source, before anything runs"},
	"compiler/group.go":      {"os.OpenRoot", "the source, before anything runs"},
	"compiler/foreign.go":    {"os.MkdirAll", "the build directory, of which a detection sees only what is its own"},
	"compiler/record.go":     {"os.ReadDir", "service bindings, which no build can write"},
	"compiler/asked.go": {
		"filepath.EvalSymlinks os.Lstat os.MkdirAll os.WriteFile",
		"the source, and the build directory beside it, before anything runs",
	},
	"compiler/pack.go":   {"filepath.Glob os.MkdirAll os.Remove", "the app's slugs"},
	"compiler/source.go": {"filepath.EvalSymlinks os.MkdirAll", "the source, before anything runs"},

	"compiler/classic/program.go": {"os.Stat", "the buildpack in the store"},
	"compiler/classic/workspace.go": {
		"os.CopyFS os.DirFS os.Lstat os.Mkdir os.MkdirAll os.Rename os.WriteFile",
		"the buildpack in the store, and directories before the buildpack that gets them runs",
	},

	"compiler/lifecycle/build.go":     {"os.WriteFile", "the platform directory, read-only for buildpacks"},
	"compiler/lifecycle/foreign.go":   {"os.WriteFile", "the platform directory, read-only for buildpacks"},
	"compiler/lifecycle/load.go":      {"os.OpenRoot", "the buildpack's directory, which no build can write"},
	"compiler/lifecycle/probe.go":     {"os.MkdirTemp os.WriteFile", "directories before the detection that gets them"},
	"compiler/lifecycle/lifecycle.go": {"os.MkdirAll", "the platform directory"},
	"compiler/lifecycle/runtime.go":   {"os.ReadDir os.Readlink", "the toolchain store, read-only for buildpacks"},
	"compiler/lifecycle/workspace.go": {
		"os.Mkdir os.WriteFile",
		"directories before the buildpack that gets them runs",
	},

	"compiler/slug/assemble.go": {"os.CreateTemp os.Remove os.Rename", "the new slug"},
	"compiler/slug/index.go":    {"os.ReadFile os.Stat", "the store of segments"},
	"compiler/slug/linked.go":   {"os.Link os.Remove", "the store of segments"},
	"compiler/slug/pack.go":     {"os.MkdirTemp os.RemoveAll", "the store of segments"},
	"compiler/slug/packs.go":    {"os.Open", "the store of segments"},
	"compiler/slug/rebuild.go":  {"os.CreateTemp os.Remove os.Rename", "the new slug"},
	"compiler/slug/store.go":    {"os.CreateTemp os.MkdirAll os.ReadDir os.Remove os.Stat", "the store of segments"},
	"compiler/slug/unpack.go":   {"os.MkdirAll os.OpenRoot", "the directory that the caller names, before it runs"},
	"compiler/slug/upkeep.go":   {"os.CreateTemp os.ReadDir os.Remove", "the store of segments"},
}

// TestHandles holds that nothing reaches by path into a tree that a build could write.
func TestHandles(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, f := range goFiles(t) {
		if !slices.Contains(hostileRooms, path.Dir(f.path)) || strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		allowed := strings.Fields(ownPlaces[f.path].calls)
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			from, ok := selector.X.(*ast.Ident)
			if !ok || !slices.Contains(strings.Fields(byPath[from.Name]), selector.Sel.Name) {
				return true
			}
			call := from.Name + "." + selector.Sel.Name
			used[f.path+" "+call] = true
			if !slices.Contains(allowed, call) {
				t.Errorf("%s: %s may lead through a link of a build's: use cache/beneath, or say in ownPlaces why not",
					f.set.Position(n.Pos()), call)
			}
			return true
		})
	}
	for file, own := range ownPlaces {
		for call := range strings.FieldsSeq(own.calls) {
			if !used[file+" "+call] {
				t.Errorf("%s no longer calls %s: take it out of ownPlaces", file, call)
			}
		}
	}
}
