package ruby

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/cache/digest"
	"slugc/detect/lazyregexp"
)

// part is one of the inputs of an install. A change of a full one requires an install from scratch;
// after a change of another, Bundler installs what is missing.
type part struct {
	name, value string
	full        bool
}

// parts returns everything that determines the content of the gems' layer, in a fixed order.
func (b *work) parts() ([]part, error) {
	target := b.CNB.TargetInfo
	parts := []part{
		{"buildpack", ID + " " + Version + " " + layout, true},
		{"system",
			strings.Join([]string{target.OS, target.Arch, target.Variant, b.CNB.TargetDistro.Name,
				b.CNB.TargetDistro.Version}, " "), true},
		{"Ruby", b.ruby.Version + " " + b.ruby.Digest, true},
		{"build configuration", b.settings(), true},
		{"Bundler", b.bundler, false},
		{"BUNDLE_WITHOUT", b.without(), false},
	}
	for _, name := range b.app.Manifests {
		if name == ".ruby-version" || name == ".tool-versions" || name == ".bundle/config" {
			continue // what they determine is above
		}
		data, err := b.read(name)
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", name, err)
		}
		parts = append(parts, part{name, digest.Of(data).Hex(), false})
	}
	for _, dir := range b.app.LocalPaths {
		versions, err := b.versionFiles(dir)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{path.Join(dir, "lib"), versions, false})
	}
	vendored, err := b.vendored()
	return append(parts, part{"vendor/cache", vendored, false}), err
}

// settings returns the values of the configuration that an install may depend on. Credentials are
// not among them: they do not change what a gem contains.
func (b *work) settings() string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(b.env.user)) {
		relevant := installing.MatchString(name) || b.env.gemfile[name]
		if relevant && !credential(name) && !command.IsSecret(name) && !strings.HasPrefix(name, "BUNDLE_MIRROR__") &&
			name != "BUNDLE_WITHOUT" &&
			!strings.HasPrefix(name, "GIT_CONFIG_") {
			fmt.Fprintf(&text, "%q=%q\n", name, b.env.user[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.launchConfig)) {
		fmt.Fprintf(&text, ".bundle %q=%q\n", name, b.launchConfig[name])
	}
	return text.String()
}

// versionFiles is a digest of lib/**/version.rb: by convention, a gemspec reads its version there.
func (b *work) versionFiles(dir string) (string, error) {
	root, err := os.OpenRoot(b.Root)
	if err != nil {
		return "", fmt.Errorf("reading the app: %w", err)
	}
	defer root.Close()
	all := sha256.New()
	err = fs.WalkDir(root.FS(), b.InSlug(path.Join(dir, "lib")), func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Base(name) != "version.rb" || !d.Type().IsRegular() {
			return nil // a path gem without lib has no version file
		}
		data, err := root.ReadFile(filepath.FromSlash(name))
		fmt.Fprintf(all, "%q %x\n", name, sha256.Sum256(data))
		return err
	})
	return hex.EncodeToString(all.Sum(nil)), err
}

// vendored lists the names and sizes of the files in vendor/cache.
func (b *work) vendored() (string, error) {
	entries, err := os.ReadDir(b.Path("vendor/cache"))
	if err != nil {
		return "", nil
	}
	var text strings.Builder
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return "", fmt.Errorf("reading vendor/cache: %w", err)
		}
		fmt.Fprintf(&text, "%q %d\n", entry.Name(), info.Size())
	}
	return text.String(), nil
}

var (
	readsFiles = lazyregexp.New(
		`\b(?:eval_gemfile|instance_eval|require_relative|load|File|IO|Dir|YAML|JSON|Bundler)\b`)
	extensions = lazyregexp.New(`\.extensions\b`)
	comment    = lazyregexp.New(`(?m)^\s*#.*$`)
)

// uncacheable says why an install depends on more than its key, so that Bundler must be run; it
// returns "" if it does not.
func (b *work) uncacheable() string {
	code := comment.ReplaceAllString(b.gemfile, "")
	if word := readsFiles.FindString(code); word != "" {
		return fmt.Sprintf("%s calls %s", b.app.Gemfile, word)
	}
	for _, name := range b.app.Manifests {
		if path.Ext(name) != ".gemspec" {
			continue
		}
		if text, err := b.read(name); err == nil && extensions.Match(text) {
			return name + " has an extension, which is compiled in place"
		}
	}
	return ""
}

// digests returns the parts' digests by name, which a layer's metadata keeps so that the next build
// can say what changed.
func digests(parts []part) map[string]any {
	kept := map[string]any{}
	for _, p := range parts {
		kept[p.name] = digest.Of([]byte(p.value)).Hex()
	}
	return kept
}

// changed names the parts that differ from those of an earlier build, and reports whether a full
// one does.
func changed(parts []part, earlier any) (names []string, full bool) {
	had, _ := earlier.(map[string]any)
	for _, p := range parts {
		if had[p.name] != digest.Of([]byte(p.value)).Hex() {
			names = append(names, p.name)
			full = full || p.full
		}
	}
	for name := range had {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, full
}
