package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"slugc/detect/lazyregexp"
)

// localRuby copies the Ruby that the machine has: its program, standard library, headers and
// default gems, without gems that were installed into it, and the shared libraries they name.
type localRuby struct{ st *Store }

func (*localRuby) name() string { return "this machine" }

// rubyFacts are what a Ruby says of itself.
type rubyFacts struct {
	Engine, Version string
	Patch           int // -1 for a pre-release
	Config          map[string]string
	Gems            string // the directory of its default gems
}

const askRuby = `require "json"; require "rbconfig"
print JSON.generate(Engine: RUBY_ENGINE, Version: RUBY_VERSION, Patch: RUBY_PATCHLEVEL, Config: RbConfig::CONFIG.select { |_, v| v.is_a?(String) },
  Gems: File.join(RbConfig::CONFIG["rubylibprefix"], "gems", RbConfig::CONFIG["ruby_version"]))`

// facts asks the program. It is the machine's own: whoever set it up trusts it.
func (l *localRuby) facts(ctx context.Context) (*rubyFacts, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.st.set.LocalRuby, "--disable-gems", "-e", askRuby)
	cmd.Env, cmd.Dir = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"}, "/"
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("asking %q for its version: %w", l.st.set.LocalRuby, err)
	}
	var f rubyFacts
	if err := json.Unmarshal(out, &f); err != nil {
		return nil, fmt.Errorf("asking %q for its version: it says no such thing", l.st.set.LocalRuby)
	}
	if f.Engine != "ruby" || f.Patch < 0 || !rubyRelease.MatchString(f.Version) {
		return nil, fmt.Errorf("its Ruby is %s %s, which is not a release of MRI", f.Engine, f.Version)
	}
	return &f, nil
}

func (l *localRuby) find(ctx context.Context, w *want) (string, string, error) {
	if l.st.set.LocalRuby == "" || l.st.set.OS != runtime.GOOS || l.st.set.Arch != runtime.GOARCH {
		return "", "", errDisabled
	}
	f, err := l.facts(ctx)
	if err != nil {
		return "", "", err
	}
	v, note := w.pick(&listing{versions: []string{f.Version}})
	if v == "" {
		return "", "", rubiesLike([]string{f.Version})
	}
	return v, note, nil
}

func (l *localRuby) fetch(ctx context.Context, version string, j *job) (string, error) {
	f, err := l.facts(ctx)
	if err != nil {
		return "", err
	}
	if f.Version != version {
		return "", errNoVersion
	}
	prefix := f.Config["prefix"]
	for _, key := range []string{"rubylibdir", "rubyarchdir", "rubyhdrdir", "rubyarchhdrdir"} {
		if err := graft(prefix, f.Config[key], j.tree); err != nil {
			return "", fmt.Errorf("copying the machine's ruby: %w", err)
		}
	}
	if err := l.defaultGems(prefix, f.Gems, j.tree); err != nil {
		return "", fmt.Errorf("copying the machine's ruby: %w", err)
	}
	if err := l.programs(f, j.tree); err != nil {
		return "", fmt.Errorf("copying the machine's ruby: %w", err)
	}
	_, missing, err := BringLibraries(
		filepath.Join(j.tree, "lib"),
		[]string{j.tree},
		append([]string{f.Config["libdir"]}, MachineLibraries(l.st.set.Arch)...),
	)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("the machine has no %s", strings.Join(missing, ", "))
	}
	if err != nil {
		return "", fmt.Errorf("copying the machine's ruby: %w", err)
	}
	if f.Config["rubylibdir"] == filepath.Join(prefix, "lib", "ruby", rubyABI(version)) {
		if err := keepInside(j.tree, version); err != nil {
			return "", err
		}
	}
	if err := finishRuby(j.tree, version); err != nil {
		return "", err
	}
	return treeDigest(j.tree)
}

// programs copies bin/ruby and the scripts that come with it.
func (l *localRuby) programs(f *rubyFacts, tree string) error {
	bin := filepath.Join(tree, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	program, err := filepath.EvalSymlinks(
		filepath.Join(f.Config["bindir"], f.Config["ruby_install_name"]+f.Config["EXEEXT"]),
	)
	if err != nil {
		return err
	}
	if err := copyMode(program, filepath.Join(bin, "ruby"), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"bundle", "bundler", "erb", "gem", "irb", "rake", "rdoc"} {
		script, err := filepath.EvalSymlinks(filepath.Join(f.Config["bindir"], name))
		if err != nil {
			continue // not every Ruby has them all
		}
		if err := copyMode(script, filepath.Join(bin, name), 0o755); err != nil {
			return err
		}
	}
	bundle := filepath.Join(bin, "bundle")
	if _, err := os.Lstat(bundle); err == nil {
		return nil
	}
	return os.WriteFile(bundle, []byte(bundleScript), 0o755) // some systems package the script apart from the library
}

const bundleScript = `#!/usr/bin/env ruby
load Gem.activate_bin_path("bundler", "bundle", ">= 0.a")
`

var gemspecName = lazyregexp.New(`^([A-Za-z0-9_.-]+)\.gemspec$`)

// defaultGems copies the gems that are part of Ruby: those in specifications/default.
func (l *localRuby) defaultGems(prefix, dir, tree string) error {
	specs := filepath.Join(dir, "specifications", "default")
	entries, err := os.ReadDir(specs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := graft(prefix, specs, tree); err != nil {
		return err
	}
	for _, entry := range entries {
		if m := gemspecName.FindStringSubmatch(entry.Name()); m != nil {
			if err := graft(prefix, filepath.Join(dir, "gems", m[1]), tree); err != nil {
				return err
			}
		}
	}
	return nil
}

// graft copies a directory below prefix to the same place below tree, unless it is there already or
// does not exist. Links are followed: what they lead to is the machine's own.
func graft(prefix, dir, tree string) error {
	rel, err := filepath.Rel(prefix, dir)
	if err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%q is not below %q", dir, prefix)
	}
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(prefix, path)
		if err != nil {
			return err
		}
		target := filepath.Join(tree, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		if _, err := os.Lstat(target); err == nil {
			return nil
		}
		return copyMode(path, target, 0o644|info.Mode().Perm()&0o111)
	})
}

func copyMode(from, to string, mode fs.FileMode) error {
	if err := copyLibrary(from, to); err != nil {
		return err
	}
	return os.Chmod(to, mode)
}

// MachineLibraries lists the directories in which the dynamic linker of this machine finds
// libraries for a processor, Go's name of it.
func MachineLibraries(arch string) []string {
	triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[arch]
	dirs := []string{"/usr/local/lib", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}
	if triple != "" {
		dirs = slices.Concat([]string{"/usr/local/lib/" + triple, "/lib/" + triple, "/usr/lib/" + triple}, dirs)
	}
	return dirs
}

// treeDigest is a digest of the names, modes and contents of a tree's files.
func treeDigest(tree string) (string, error) {
	all := sha256.New()
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(tree, path)
		fmt.Fprintf(all, "%x  %q\n", sha256.Sum256(data), rel)
		return err
	})
	return "sha256:" + hex.EncodeToString(all.Sum(nil)), err
}
