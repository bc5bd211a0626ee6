package clojure

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
)

// findTools takes the JDK and the build tool that the platform has fetched. Under a platform that
// fetches none, the buildpack does it itself, into a cache layer.
func (b *work) findTools() error {
	given, err := extension.Toolchains(b.cnb.Platform.Path)
	if err != nil {
		return fmt.Errorf("finding the JDK: %w", err)
	}
	var missing []toolchain.Request
	for _, want := range b.wants {
		switch i := slices.IndexFunc(given, func(t toolchain.Toolchain) bool { return t.Tool == want.Tool }); {
		case want.Tool == "jdk" && b.app.JDK.Provided, want.Tool == "leiningen" && b.app.BinLein:
		case i >= 0:
			b.take(given[i])
		default:
			missing = append(missing, want)
		}
	}
	if len(missing) > 0 {
		if err := b.fetchTools(missing); err != nil {
			return err
		}
	}
	b.sayTools()
	return nil
}

func (b *work) take(t toolchain.Toolchain) {
	if t.Tool == "jdk" {
		b.jdk = t
		return
	}
	b.builder = &t
}

func (b *work) sayTools() {
	switch {
	case b.app.JDK.Provided:
		b.say.Detail("Using the JDK in .jdk")
	default:
		b.say.Detail("Using JDK %s (%s)", b.jdk.Version, b.jdk.From)
	}
	if d := b.app.JDK.Distribution; d != "" && !b.app.JDK.Provided {
		b.say.Detail("The distribution %q is not looked for: any OpenJDK of the version serves (here from %s)", d,
			b.jdk.Source)
	}
	switch {
	case b.builder == nil:
		b.say.Detail("Using Leiningen by the app's bin/lein")
	case b.builder.Tool == "leiningen":
		b.say.Detail("Using Leiningen %s (%s)", b.builder.Version, b.builder.From)
	default:
		b.say.Detail("Using tools.deps of Clojure CLI %s (%s)", b.builder.Version, b.builder.Source)
	}
}

func (b *work) fetchTools(missing []toolchain.Request) error {
	layer, err := b.layer("toolchains", libcnb.LayerTypes{Cache: true})
	if err != nil {
		return err
	}
	b.result.Layers = append(b.result.Layers, layer)
	store, err := toolchain.Open(layer.Path,
		toolchain.Settings{LocalJDK: []string{"/usr/lib/jvm"}, Debian: toolchain.Debian{Bin: "/usr/bin"}})
	if err != nil {
		return fmt.Errorf("finding the JDK: %w", err)
	}
	got, err := store.Ensure(b.ctx, missing, &language.Notes{Log: b.say})
	if err != nil {
		return language.NoToolchain("clojure", err)
	}
	for _, t := range got {
		b.take(t)
	}
	return nil
}

// toolJars is the classpath of the build tool.
func (b *work) toolJars() (string, error) {
	files, err := filepath.Glob(filepath.Join(b.builder.Dir, "lib", "*.jar"))
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", b.builder.Tool, err)
	}
	if len(files) == 0 {
		return "", fmt.Errorf("finding %s: there is no jar in %q", b.builder.Tool, b.builder.Dir)
	}
	return strings.Join(files, string(filepath.ListSeparator)), nil
}
