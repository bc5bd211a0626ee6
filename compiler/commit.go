package compiler

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/extension"
	"slugc/compiler/source"
)

// buildEnv is the build configuration with the commit that is built, under the name that it has on Heroku. A
// value that the user sets stays. A directory is no commit, whatever its HEAD: it may have changed.
func (b *build) buildEnv(s Staged, d Described) map[string]string {
	env, commit := b.env(d), s.Tree.Commit
	if _, set := env[extension.SourceVersion]; set || commit == "" {
		return env
	}
	env = maps.Clone(env)
	if env == nil {
		env = map[string]string{}
	}
	env[extension.SourceVersion] = commit
	return env
}

// commitInput names the commit among the inputs of a build.
const commitInput = "commit"

// commitCounts reports whether a new commit of the same tree may have another slug: where the build
// configuration or a file of the app speaks of the commit. All other builds of one tree have one slug, and
// the second does nothing. dir is the copy of the source before anything of the app has run.
func (b *build) commitCounts(src *source.Source, dir string) (bool, error) {
	if _, set := b.Env[extension.SourceVersion]; set || src.Commit() == "" {
		return false, nil
	}
	for name, value := range b.Env {
		if name == "GO_LINKER_SYMBOL" || strings.Contains(value, extension.SourceVersion) {
			return true, nil
		}
	}
	return mentionsCommit(dir)
}

// maxMention bounds a file that is searched, in bytes: scripts and programs are shorter.
const maxMention = 256 << 10

// fetched are directories of dependencies, and pictures and the like are no programs.
var (
	fetched = []string{"node_modules", "vendor", ".git"}
	noText  = []string{
		".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".ico", ".woff", ".woff2", ".ttf", ".pdf", ".gz",
	}
)

// errMentioned ends a search.
var errMentioned = errors.New("found")

// mentionsCommit reports whether a file of the app, dependencies apart, has the name of the variable.
func mentionsCommit(dir string) (bool, error) {
	name, text := []byte(extension.SourceVersion), make([]byte, maxMention)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(fetched, d.Name()) {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() || slices.Contains(noText, filepath.Ext(path)) {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		n, err := io.ReadFull(f, text)
		if bytes.Contains(text[:n], name) {
			return errMentioned
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		return err
	})
	if err == errMentioned {
		return true, nil
	}
	return false, err
}
