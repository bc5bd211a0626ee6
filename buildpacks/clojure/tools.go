package clojure

import (
	"fmt"
	"path/filepath"
	"strings"

	"slugc/buildpacks/toolchain"
)

// findTools finds the JDK and the build tool that the platform has fetched. Under a platform that
// fetches none, it fetches them into a cache layer.
func (b *work) findTools() error {
	fetched, err := b.Toolchains()
	if err != nil {
		return fmt.Errorf("finding the JDK: %w", err)
	}
	for _, request := range b.requests {
		if request.Tool == "jdk" && b.app.JDK.Provided || request.Tool == "leiningen" && b.app.BinLein {
			continue
		}
		tool, ok := fetched[request.Tool]
		if !ok {
			settings := toolchain.Settings{
				LocalJDK: []string{"/usr/lib/jvm"}, Debian: toolchain.Debian{Bin: "/usr/bin"},
			}
			if tool, err = b.Fetch("toolchains", settings, request); err != nil {
				return err
			}
		}
		switch tool.Tool {
		case "jdk":
			b.jdk = tool
		case b.app.Other:
			b.other = &tool
		default:
			b.builder = &tool
		}
	}
	b.logTools()
	return nil
}

func (b *work) logTools() {
	switch {
	case b.app.JDK.Provided:
		b.Log.Detail("Using the JDK in .jdk")
	default:
		b.Log.Detail("Using JDK %s (%s)", b.jdk.Version, b.jdk.From)
	}
	if d := b.app.JDK.Distribution; d != "" && !b.app.JDK.Provided {
		b.Log.Detail("The distribution %q is ignored: any OpenJDK of the version will do (here from %s)", d,
			b.jdk.Source)
	}
	switch {
	case b.builder == nil:
		b.Log.Detail("Using Leiningen of the app's bin/lein")
	case b.builder.Tool == "leiningen":
		b.Log.Detail("Using Leiningen %s (%s)", b.builder.Version, b.builder.From)
	default:
		b.Log.Detail("Using tools.deps of Clojure CLI %s (%s)", b.builder.Version, b.builder.Source)
	}
	if b.other != nil {
		b.Log.Detail("Using %s %s besides, which the build or the Procfile calls", b.other.Tool, b.other.Version)
	}
}

// installed returns the tool of a name, "leiningen" or "clojure"; nil if slugc has not installed it.
func (b *work) installed(name string) *toolchain.Toolchain {
	for _, tool := range []*toolchain.Toolchain{b.builder, b.other} {
		if tool != nil && tool.Tool == name {
			return tool
		}
	}
	return nil
}

// toolJars returns the classpath of a build tool.
func toolJars(tool *toolchain.Toolchain) (string, error) {
	files, err := filepath.Glob(filepath.Join(tool.Dir, "lib", "*.jar"))
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", tool.Tool, err)
	}
	if len(files) == 0 {
		return "", fmt.Errorf("finding %s: there is no jar in %q", tool.Tool, tool.Dir)
	}
	return strings.Join(files, string(filepath.ListSeparator)), nil
}
