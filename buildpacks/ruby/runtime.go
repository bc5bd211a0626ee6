package ruby

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/libraries"
	"slugc/buildpacks/tree"
)

// layout is the version of the layers' content. It is part of their keys.
const layout = "1"

// installRuntime provides Ruby in the layer "ruby". The headers
// stay in the toolchain; during the build a link leads there.
func (b *work) installRuntime() error {
	b.Log.Step("Installing runtime")
	var err error
	if b.ruby, err = b.toolchain(); err != nil {
		return err
	}
	layer, err := b.Layer("ruby")
	if err != nil {
		return err
	}
	b.runtime = layer.Path
	want := map[string]any{"layout": layout, "ruby": b.ruby.Version, "source": b.ruby.Source, "digest": b.ruby.Digest}
	cached := ""
	provided, err := b.Provided("ruby")
	switch {
	case err != nil || provided:
	case language.Same(layer.Metadata, want) && tree.IsFile(filepath.Join(layer.Path, "bin", "ruby")):
		cached = ", from the cache"
	default:
		if layer, err = language.EmptyLayer(layer); err == nil {
			order := language.Order{Tools: map[string]toolchain.Toolchain{"ruby": b.ruby}, Arch: b.arch()}
			err = b.FillLayer(Runtime, order, layer.Path)
		}
	}
	if err != nil {
		return fmt.Errorf("installing the runtime: %w", err)
	}
	b.Log.Detail("Using Ruby %s (%s), from %s%s", b.ruby.Version, b.ruby.From, b.ruby.Source, cached)
	layer.Metadata = want
	if err := b.linkHeaders(); err != nil {
		return fmt.Errorf("installing the runtime: %w", err)
	}
	b.runtimeEnv(&layer)
	b.Contribute(layer, language.Everywhere)
	return nil
}

// notAtLaunch are the parts of a Ruby that no running app reads.
var notAtLaunch = []string{"include", "toolchain.json", "share", ".derived"}

// Runtime is the layer "ruby".
var Runtime = language.Runtime{Layer: "ruby", Tools: []string{"ruby"}, Layout: layout, Make: fillRuntime}

func fillRuntime(_ context.Context, o language.Order, dir string, log *command.Log) error {
	skip := func(rel string) bool { return slices.Contains(notAtLaunch, rel) }
	if err := tree.Copy(o.Tools["ruby"].Dir, dir, tree.Options{Plain: true, Skip: skip}); err != nil {
		return err
	}
	used, err := copyLibraries(filepath.Join(dir, "lib"), "Ruby", o.Arch, log, dir)
	if err != nil {
		return err
	}
	return language.WriteInputs(dir, used)
}

// copyLibraries makes a layer self-contained: it copies the shared libraries of this machine that
// its programs need, and returns which files those are.
func copyLibraries(into, whose, arch string, log *command.Log, roots ...string) (used []string, err error) {
	brought, missing, err := libraries.Bring(into, roots, libraries.Machine(arch))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(brought))
	for i, b := range brought {
		names[i], used = b.Name, append(used, b.From)
	}
	if len(brought) > 0 {
		log.Detail("Copying shared libraries of this machine that %s needs: %s", whose, strings.Join(names, ", "))
	}
	if len(missing) > 0 {
		log.Warn("%s needs shared libraries that are not on this machine: %s.", whose, strings.Join(missing, ", "))
	}
	return used, nil
}

func (b *work) arch() string {
	if b.CNB.TargetInfo.Arch != "" {
		return b.CNB.TargetInfo.Arch
	}
	return "amd64"
}

func (b *work) linkHeaders() error {
	link, headers := filepath.Join(b.runtime, "include"), filepath.Join(b.ruby.Dir, "include")
	if err := os.RemoveAll(link); err != nil || !tree.IsDir(headers) {
		return err
	}
	if err := os.Symlink(headers, link); err != nil {
		return err
	}
	b.headers = link
	return nil
}

// runtimeEnv sets the search paths of the runtime. A Ruby whose standard library is split like
// Debian's, with rbconfig.rb beside the shared libraries, was compiled for another directory and
// needs RUBYLIB; others find their libraries themselves.
func (b *work) runtimeEnv(layer *libcnb.Layer) {
	lib := filepath.Join(b.runtime, "lib")
	b.env.prepend("PATH", filepath.Join(b.runtime, "bin"))
	b.env.prepend("LD_LIBRARY_PATH", lib)
	for _, dir := range []string{"lib/*/libruby*.so*", "lib/*/libssl.so*"} {
		found, _ := filepath.Glob(filepath.Join(b.runtime, filepath.FromSlash(dir)))
		if len(found) > 0 {
			lib = filepath.Dir(found[0])
			b.env.prepend("LD_LIBRARY_PATH", lib)
			layer.SharedEnvironment.Prepend("LD_LIBRARY_PATH", ":", lib)
			break
		}
	}
	native, _ := filepath.Glob(filepath.Join(b.runtime, "lib", "*", "ruby", b.abi(), "rbconfig.rb"))
	if len(native) == 1 && tree.IsDir(filepath.Join(b.runtime, "lib", "ruby", b.abi())) {
		path := filepath.Join(b.runtime, "lib", "ruby", b.abi()) + ":" + filepath.Dir(native[0])
		b.env.prepend("RUBYLIB", path)
		layer.SharedEnvironment.Prepend("RUBYLIB", ":", path)
	}
}

// abi is the name of the directory of gems and of the standard library: 3.1.0 for Ruby 3.1.7.
func (b *work) abi() string {
	parts := strings.SplitN(b.ruby.Version, ".", 3)
	if len(parts) < 3 {
		return b.ruby.Version
	}
	return parts[0] + "." + parts[1] + ".0"
}

// toolchain returns the Ruby that the platform has fetched. Under a platform that fetches none, it
// fetches one into a cache layer.
func (b *work) toolchain() (toolchain.Toolchain, error) {
	fetched, err := b.Toolchains()
	if err != nil {
		return toolchain.Toolchain{}, fmt.Errorf("finding Ruby: %w", err)
	}
	if ruby, ok := fetched["ruby"]; ok {
		return ruby, nil
	}
	return b.Fetch("ruby-toolchains", toolchain.Settings{
		OS: b.CNB.TargetInfo.OS, Arch: b.CNB.TargetInfo.Arch,
		RubyMirror: b.CNB.Platform.Environment["SLUGC_RUBY_MIRROR"], Debian: toolchain.Debian{Bin: "/usr/bin"},
		LocalRuby: b.env.look("ruby"),
	}, language.RequestFor("ruby", b.requires))
}
