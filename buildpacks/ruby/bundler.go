package ruby

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// bundlerGem matches the name of Bundler's gemspec.
var bundlerGem = lazyregexp.New(`bundler-(\d+(?:\.[0-9A-Za-z]+)*)\.gemspec$`)

// ownBundler is the version of the Bundler that comes with Ruby; "" if there is none.
func (b *work) ownBundler() string {
	found, _ := filepath.Glob(
		filepath.Join(b.runtime, "lib", "ruby", "gems", "*", "specifications", "default", "bundler-*.gemspec"))
	for _, name := range found {
		if m := bundlerGem.FindStringSubmatch(name); m != nil {
			return m[1]
		}
	}
	return ""
}

// installBundler sets up the Bundler of BUNDLED WITH. If it is not available, it uses the one that
// comes with Ruby, which reads every lock file of its major version.
func (b *work) installBundler() error {
	want, own := language.RequestFor("bundler", b.requires).Constraint, b.ownBundler()
	b.bundler = own
	switch {
	case want == "" && own == "":
		return errors.New("setting Bundler up: this Ruby comes with none, and the lock file names none")
	case want == "" || want == own:
		b.Log.Detail("Using Bundler %s, which comes with Ruby", own)
	case strings.HasPrefix(want, "1.") && own != "" && !strings.HasPrefix(own, "1."):
		b.Log.Detail("Using Bundler %s, which comes with Ruby; %s has BUNDLED WITH %s, which this Ruby cannot run",
			own, b.app.Lockfile, want)
	default:
		if err := b.fetchBundler(want, own); err != nil {
			return err
		}
	}
	b.env.force("BUNDLER_VERSION", b.bundler)
	if b.bundleAt = b.env.look("bundle"); b.bundleAt == "" {
		return errors.New("setting Bundler up: it comes without its program")
	}
	return nil
}

// fetchBundler installs a version of Bundler into the layer "ruby-bundler".
func (b *work) fetchBundler(want, own string) error {
	layer, err := b.layer("ruby-bundler")
	if err != nil {
		return err
	}
	key := map[string]any{"layout": layout, "bundler": want, "ruby": b.ruby.Version + " " + b.ruby.Digest}
	installed := filepath.Join(layer.Path, "specifications", "bundler-"+want+".gemspec")
	if language.Same(layer.Metadata, key) && tree.IsFile(installed) {
		b.Log.Detail("Using Bundler %s (%s BUNDLED WITH), from the cache", want, b.app.Lockfile)
	} else {
		if layer, err = language.EmptyLayer(layer); err != nil {
			return err
		}
		argv := []string{"gem", "install", "bundler", "--version", want, "--no-document", "--env-shebang",
			"--install-dir", layer.Path, "--bindir", filepath.Join(layer.Path, "bin"), "--norc"}
		if b.env.mirror != "" {
			argv = append(argv, "--clear-sources", "--source", b.env.mirror)
		}
		_, err = b.run(call{argv: argv, quiet: true})
		f, failed := errors.AsType[*command.Failure](err)
		if err != nil && (!failed || own == "") {
			return diagnose("ruby/bundler-unavailable", err, b.installPatterns())
		}
		if failed || !tree.IsFile(installed) {
			why := "it was not installed"
			if failed {
				why = errorLine(f)
			}
			why = command.Clip(why, 200)
			b.Log.Detail("Using Bundler %s, which comes with Ruby; %s (%s BUNDLED WITH) is not available: %s", own,
				want, b.app.Lockfile, why)
			b.lacking = fmt.Sprintf("%s has BUNDLED WITH %s, which is not available (%s), so Bundler %s was used",
				b.app.Lockfile, want, why, own)
			return nil
		}
		b.Log.Detail("Using Bundler %s (%s BUNDLED WITH)", want, b.app.Lockfile)
	}
	layer.Metadata = key
	layer.SharedEnvironment.Prepend("GEM_PATH", ":", layer.Path)
	b.env.prepend("PATH", filepath.Join(layer.Path, "bin"))
	b.env.prepend("GEM_PATH", layer.Path)
	b.Contribute(layer, language.Everywhere)
	b.bundler = want
	return scrubGems(layer.Path)
}
