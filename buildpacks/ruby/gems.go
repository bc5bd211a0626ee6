package ruby

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
)

// gems installs the gems of the lock file into the layer "ruby-gems".
func (b *work) gems() error {
	b.Log.Step("Installing gems")
	layer, err := b.layer("ruby-gems")
	if err != nil {
		return err
	}
	b.bundle = layer.Path
	b.gemsEnv()
	parts, err := b.parts()
	if err != nil {
		return err
	}
	why, full := "nothing is cached", false
	if len(layer.Metadata) > 0 {
		var names []string
		if names, full = changed(parts, layer.Metadata["parts"]); len(names) > 0 {
			why = strings.Join(names, ", ") + " changed"
		} else {
			why = b.uncacheable()
		}
		if why == "" && layer.Metadata[unfinished] == true {
			why = "the last install failed"
		}
	}
	if full {
		if layer, err = language.EmptyLayer(layer); err != nil {
			return err
		}
	}
	if why == "" {
		b.Log.Detail("Using the gems from the cache, unchanged since the last build")
	} else {
		b.Log.Detail("Running bundle install with Bundler %s: %s", b.bundler, why)
		if err := b.install(layer, parts); err != nil {
			return err
		}
	}
	if err := errors.Join(b.keepDownloads(), b.pathExecutables()); err != nil {
		return err
	}
	layer.Metadata = map[string]any{"parts": digests(parts)}
	layer.SharedEnvironment.Prepend("GEM_PATH", ":", b.gemHome())
	layer.SharedEnvironment.Prepend("PATH", ":", filepath.Join(b.gemHome(), "bin"))
	b.Contribute(layer, language.Everywhere)
	return nil
}

// gemHome is the directory below BUNDLE_PATH that Bundler installs gems into.
func (b *work) gemHome() string { return filepath.Join(b.bundle, "ruby", b.abi()) }

// without returns the groups that are not installed, separated by colons, as Bundler expects them.
func (b *work) without() string {
	groups, ok := b.env.user["BUNDLE_WITHOUT"]
	if !ok {
		return "development:test"
	}
	return strings.Join(
		strings.FieldsFunc(groups, func(r rune) bool { return r == ' ' || r == ':' || r == ',' }),
		":",
	)
}

// gemsEnv sets the environment of Bundler and of everything that it runs.
func (b *work) gemsEnv() {
	if groups := b.env.user["BUNDLE_WITHOUT"]; strings.Contains(strings.TrimSpace(groups), " ") {
		b.Log.Warn("BUNDLE_WITHOUT separates groups by spaces, and Bundler expects colons: using %s.", b.without())
	}
	if len(b.env.refused) > 0 {
		b.Log.Warn("The build sets these itself, and takes no notice of them in its configuration: %s.",
			strings.Join(b.env.refused, ", "))
	}
	for name, value := range map[string]string{
		"BUNDLE_PATH":                  b.bundle,
		"BUNDLE_DEPLOYMENT":            "true",
		"BUNDLE_CLEAN":                 "false",
		"BUNDLE_WITHOUT":               b.without(),
		"BUNDLE_SILENCE_ROOT_WARNING":  "true",
		"BUNDLE_DISABLE_VERSION_CHECK": "true",
		"THOR_COLUMNS":                 "4096", // patterns would not match lines that Bundler breaks
	} {
		b.env.force(name, value)
	}
	for name, value := range map[string]string{
		"BUNDLE_JOBS": strconv.Itoa(max(runtime.NumCPU(),
			2)), "BUNDLE_RETRY": "3", "MAKEFLAGS": "-j" + strconv.Itoa(runtime.NumCPU()), "DISABLE_SPRING": "1",
		"RACK_ENV": "production", "RAILS_ENV": "production", "GIT_TERMINAL_PROMPT": "0",
	} {
		b.env.fallback(name, value)
	}
	b.env.prepend("PATH", filepath.Join(b.gemHome(), "bin"))
	b.env.prepend("LD_LIBRARY_PATH", filepath.Join(b.bundle, "lib"))
	b.env.prepend("GEM_PATH", b.gemHome())
}

// downloads is the directory of gemHome that only the next install needs.
const downloads = "cache"

// install runs Bundler, with the downloads of earlier builds. layer is that of the gems, of the given parts.
func (b *work) install(layer libcnb.Layer, parts []part) error {
	kept, err := b.layer("ruby-downloads")
	if err != nil {
		return err
	}
	// The downloads, which include git repositories, and the machine supply their content again.
	cache := filepath.Join(b.gemHome(), downloads)
	if err := errors.Join(os.RemoveAll(cache), os.RemoveAll(filepath.Join(b.gemHome(), "bundler")),
		os.RemoveAll(filepath.Join(b.bundle, "lib"))); err != nil {
		return fmt.Errorf("preparing the install: %w", err)
	}
	if had := filepath.Join(kept.Path, downloads); tree.IsDir(had) {
		if err := tree.Move(had, cache); err != nil {
			return fmt.Errorf("preparing the install: %w", err)
		}
	}
	var failure error
	err = command.Twice(b.Log.Again, func() error {
		_, err := b.run(call{argv: []string{"bundle", "install"}, drop: noise, waits: true})
		failure = err
		err = b.withLacking(diagnose("ruby/install-failed", err, b.installPatterns()))
		if d, ok := errors.AsType[*diagnosis.Diagnosis](err); ok && d.Again {
			if dropped := b.dropDamaged(cache, failure); dropped != nil {
				return errors.Join(err, dropped)
			}
		}
		return err
	})
	if err != nil {
		b.salvage(failure, layer, kept, parts)
		return err
	}
	if _, err := b.run(call{argv: []string{"bundle", "clean"}, drop: noise}); err != nil {
		return diagnose("ruby/clean-failed", err, b.installPatterns())
	}
	if tree.IsDir(cache) {
		if err := tree.Move(cache, filepath.Join(kept.Path, downloads)); err != nil {
			return fmt.Errorf("keeping the downloads: %w", err)
		}
	}
	if err := scrubGems(b.gemHome()); err != nil {
		return err
	}
	_, err = copyLibraries(filepath.Join(b.bundle, "lib"), "the bundle", b.arch(), b.Log, b.bundle, b.runtime)
	return err
}

// keepDownloads declares the layer of the downloads, even if this build did not need them.
func (b *work) keepDownloads() error {
	layer, err := b.CNB.Layers.Layer("ruby-downloads")
	if err != nil {
		return fmt.Errorf("reading layer %q: %w", layer.Name, err)
	}
	if !tree.IsDir(layer.Path) {
		return nil
	}
	layer.Metadata = map[string]any{"layout": layout}
	b.Contribute(layer, libcnb.LayerTypes{Cache: true})
	return nil
}

// noise reports lines that help nobody: gems that were installed before, and Bundler's own
// backtrace.
func noise(line string) bool {
	return strings.HasPrefix(line, "Using ") || backtrace.MatchString(line)
}
