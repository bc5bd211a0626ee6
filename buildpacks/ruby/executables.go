package ruby

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

var (
	listsByGit = lazyregexp.New(`\bls-files\b`)
	bindirLine = lazyregexp.New(`\.bindir\s*=\s*["']([\w./-]+)["']`)
	executable = lazyregexp.New(`\.executables\b`)
)

// stubMark is in the stubs that [work.pathExecutables] writes.
const stubMark = "# Written by slugc: the gemspec lists its files by git, and a slug has no repository."

// pathExecutables makes the executables of path gems commands, as Bundler would if the gemspec listed them: one
// that lists its files by `git ls-files`, as `bundle gem` writes it, lists none without a repository.
func (b *work) pathExecutables() error {
	bin := filepath.Join(b.gemHome(), "bin")
	wanted := map[string]string{}
	for _, dir := range b.app.LocalPaths {
		for _, name := range b.unlisted(dir) {
			wanted[path.Base(name)] = name
		}
	}
	if err := dropStubs(bin, wanted); err != nil {
		return fmt.Errorf("making commands of path gems: %w", err)
	}
	var made []string
	for _, dir := range b.app.LocalPaths {
		for _, name := range b.unlisted(dir) {
			command := path.Base(name)
			stub := filepath.Join(bin, command)
			if old, err := os.ReadFile(stub); err == nil && !strings.Contains(string(old), stubMark) {
				continue // Bundler has made it
			}
			if err := b.writeStub(stub, name); err != nil {
				return fmt.Errorf("making the command %q of a path gem: %w", command, err)
			}
			made = append(made, command+" ("+dir+")")
		}
	}
	if len(made) > 0 {
		b.Log.Detail("Made commands of path gems, whose gemspecs list them by git: %s", strings.Join(made, ", "))
	}
	return nil
}

// unlisted returns the executables of the gem in a directory of the app that its gemspec lists by git.
func (b *work) unlisted(dir string) (names []string) {
	specs, _ := filepath.Glob(filepath.Join(b.Path(dir), "*.gemspec"))
	for _, spec := range specs {
		text, err := b.read(path.Join(dir, filepath.Base(spec)))
		if err != nil || !listsByGit.Match(text) || !executable.Match(text) {
			continue
		}
		bindir := "bin"
		if m := bindirLine.FindSubmatch(text); m != nil {
			bindir = string(m[1])
		}
		if path.Join(dir, bindir) == "bin" {
			continue // the app's own scripts, which are on its search path
		}
		entries, err := os.ReadDir(b.Path(path.Join(dir, bindir)))
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if entry.Type().IsRegular() && !strings.HasPrefix(entry.Name(), ".") {
				names = append(names, path.Join(dir, bindir, entry.Name()))
			}
		}
	}
	return names
}

// writeStub writes a command that loads a file of the app. One that is there already stays as it is.
func (b *work) writeStub(stub, name string) error {
	rel, err := filepath.Rel(filepath.Dir(stub), b.Path(name))
	if err != nil {
		return err
	}
	text := fmt.Sprintf("#!/usr/bin/env ruby\n%s\nrequire \"bundler/setup\"\nload File.expand_path(%q, __dir__)\n",
		stubMark, filepath.ToSlash(rel))
	if old, err := os.ReadFile(stub); err == nil && string(old) == text && tree.IsProgram(stub) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(stub), 0o755); err != nil {
		return err
	}
	return os.WriteFile(stub, []byte(text), 0o755)
}

// dropStubs removes stubs of an earlier build that are not wanted.
func dropStubs(bin string, wanted map[string]string) error {
	entries, err := os.ReadDir(bin)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		stub := filepath.Join(bin, entry.Name())
		if _, is := wanted[entry.Name()]; is || !entry.Type().IsRegular() {
			continue
		}
		if text, err := os.ReadFile(stub); err == nil && strings.Contains(string(text), stubMark) {
			if err := os.Remove(stub); err != nil {
				return err
			}
		}
	}
	return nil
}
