package ruby

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"slugc/buildpacks/toolchain/libraries"
	"slugc/buildpacks/toolchain/source"
	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

// local copies the Ruby that the machine has: its program, standard library, headers and default
// gems, without gems that were installed into it, and the shared libraries they name.
type local struct {
	env  *source.Env
	path string // of the program; "" for none
}

// Name returns "this machine".
func (*local) Name() string { return "this machine" }

// Endpoints returns the program.
func (l *local) Endpoints(context.Context) []source.Endpoint {
	if !l.enabled() {
		return source.Off(l.Name())
	}
	return []source.Endpoint{{Name: l.Name(), Address: l.path, Check: func(ctx context.Context) error {
		_, err := l.ask(ctx)
		return err
	}}}
}

func (l *local) enabled() bool {
	return l.path != "" && l.env.OS == runtime.GOOS && l.env.Arch == runtime.GOARCH
}

// facts are what a Ruby reports about itself.
type facts struct {
	Engine, Version string
	Patch           int // -1 for a pre-release
	Config          map[string]string
	Gems            string // the directory of its default gems
}

const askFacts = `require "json"; require "rbconfig"
print JSON.generate(Engine: RUBY_ENGINE, Version: RUBY_VERSION, Patch: RUBY_PATCHLEVEL,
  Config: RbConfig::CONFIG.select { |_, v| v.is_a?(String) },
  Gems: File.join(RbConfig::CONFIG["rubylibprefix"], "gems", RbConfig::CONFIG["ruby_version"]))`

const askTime = 20 * time.Second

// ask asks the program. It is the machine's own: whoever set it up trusts it.
func (l *local) ask(ctx context.Context) (*facts, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.path, "--disable-gems", "-e", askFacts)
	cmd.Env, cmd.Dir = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"}, "/"
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("asking %q for its version: %w", l.path, err)
	}
	var f facts
	if err := json.Unmarshal(out, &f); err != nil {
		return nil, fmt.Errorf("asking %q for its version: its answer is not JSON", l.path)
	}
	if f.Engine != "ruby" || f.Patch < 0 || !release.MatchString(f.Version) {
		return nil, fmt.Errorf("its Ruby is %s %s, which is not a release of MRI", f.Engine, f.Version)
	}
	return &f, nil
}

// Resolve chooses the machine's version, if it serves.
func (l *local) Resolve(ctx context.Context, c *source.Constraint) (string, string, error) {
	if !l.enabled() {
		return "", "", source.ErrDisabled
	}
	f, err := l.ask(ctx)
	if err != nil {
		return "", "", err
	}
	v, note := c.Pick(source.Listing{Versions: []string{f.Version}})
	if v == "" {
		return "", "", none([]string{f.Version})
	}
	return v, note, nil
}

// Fetch copies the machine's Ruby and returns a digest of the copy.
func (l *local) Fetch(ctx context.Context, version string, j *source.Job) (string, error) {
	f, err := l.ask(ctx)
	if err != nil {
		return "", err
	}
	if f.Version != version {
		return "", source.ErrNoVersion
	}
	if err := l.copy(f, j.Tree); err != nil {
		return "", fmt.Errorf("copying the machine's ruby: %w", err)
	}
	if f.Config["rubylibdir"] == filepath.Join(f.Config["prefix"], "lib", "ruby", abi(version)) {
		if err := writeDefaults(j.Tree, version); err != nil {
			return "", err
		}
	}
	if err := finish(j.Tree, version); err != nil {
		return "", err
	}
	d, err := digestOf(j.Tree)
	return d.String(), err
}

// copy copies what belongs to a Ruby into a new tree.
func (l *local) copy(f *facts, tree string) error {
	prefix := f.Config["prefix"]
	for _, key := range []string{"rubylibdir", "rubyarchdir", "rubyhdrdir", "rubyarchhdrdir"} {
		if err := copyBelow(prefix, f.Config[key], tree); err != nil {
			return err
		}
	}
	if err := copyDefaultGems(prefix, f.Gems, tree); err != nil {
		return err
	}
	if err := copyPrograms(f, filepath.Join(tree, "bin")); err != nil {
		return err
	}
	from := append([]string{f.Config["libdir"]}, libraries.Machine(l.env.Arch)...)
	_, missing, err := libraries.Bring(filepath.Join(tree, "lib"), []string{tree}, from)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("the machine has no %s", strings.Join(missing, ", "))
	}
	return err
}

// copyPrograms copies the program, as bin/ruby, and the scripts that come with it.
func copyPrograms(f *facts, bin string) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	program := filepath.Join(f.Config["bindir"], f.Config["ruby_install_name"]+f.Config["EXEEXT"])
	program, err := filepath.EvalSymlinks(program)
	if err != nil {
		return err
	}
	if err := disk.CopyFile(program, filepath.Join(bin, "ruby"), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"bundle", "bundler", "erb", "gem", "irb", "rake", "rdoc"} {
		script, err := filepath.EvalSymlinks(filepath.Join(f.Config["bindir"], name))
		if err != nil {
			continue // not every Ruby has them all
		}
		if err := disk.CopyFile(script, filepath.Join(bin, name), 0o755); err != nil {
			return err
		}
	}
	bundle := filepath.Join(bin, "bundle")
	if _, err := os.Lstat(bundle); err == nil {
		return nil
	}
	// Some systems package the script apart from the library.
	return os.WriteFile(bundle, []byte(bundleScript), 0o755)
}

const bundleScript = `#!/usr/bin/env ruby
load Gem.activate_bin_path("bundler", "bundle", ">= 0.a")
`

var gemspecName = lazyregexp.New(`^([A-Za-z0-9_.-]+)\.gemspec$`)

// copyDefaultGems copies the gems that are part of Ruby: those in specifications/default.
func copyDefaultGems(prefix, dir, tree string) error {
	specs := filepath.Join(dir, "specifications", "default")
	entries, err := os.ReadDir(specs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := copyBelow(prefix, specs, tree); err != nil {
		return err
	}
	for _, entry := range entries {
		if m := gemspecName.FindStringSubmatch(entry.Name()); m != nil {
			if err := copyBelow(prefix, filepath.Join(dir, "gems", m[1]), tree); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyBelow copies a directory below prefix to the same place below tree, except for what is there
// already. A missing one is no error. Links are followed: what they lead to is the machine's own.
func copyBelow(prefix, dir, tree string) error {
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
		return disk.CopyFile(path, target, 0o644|info.Mode().Perm()&0o111)
	})
}

// digestOf is a digest of the names and contents of a tree's files.
func digestOf(tree string) (digest.Digest, error) {
	all := sha256.New()
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		sum, _, err := digest.File(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(tree, path)
		fmt.Fprintf(all, "%s  %q\n", sum.Hex(), rel)
		return err
	})
	return digest.Sum(all), err
}
