package golang

import (
	"debug/buildinfo"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"slugc/buildpacks/bill"
)

// bill writes the launch bill of materials from the build information in the binaries: the Go
// release whose standard library is linked in, and every module.
func (b *work) bill() error {
	infos, err := b.buildInfo()
	if err != nil {
		return err
	}
	b.used = usedModules(infos)
	app, components := contents(infos)
	return bill.Write(b.CNB, app, components)
}

// buildInfo returns what the binaries say of themselves. Before Go 1.13 they said nothing, and the go
// command is asked.
func (b *work) buildInfo() (infos []*debug.BuildInfo, err error) {
	if !since(b.goTool.Version, "1.13") {
		return b.listModules()
	}
	for _, m := range b.mains {
		info, err := buildinfo.ReadFile(filepath.Join(b.binaries, m.name))
		if err != nil {
			return nil, fmt.Errorf("reading the modules of %q: %w", m.name, err)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

const modulesFormat = `{{with .Module}}{{if not .Main}}{{.Path}}{{"\t"}}{{.Version}}{{end}}{{end}}`

// listModules returns the modules of all packages that are linked.
func (b *work) listModules() ([]*debug.BuildInfo, error) {
	argv := []string{"list", "-deps", "-f", modulesFormat, "--"}
	for _, m := range b.mains {
		argv = append(argv, m.path)
	}
	out, err := b.goCommand(argv...)
	if err != nil {
		return nil, err
	}
	info := &debug.BuildInfo{GoVersion: "go" + b.goTool.Version, Main: debug.Module{Path: b.app.Module}}
	lines := strings.Fields(strings.ReplaceAll(string(out), "\t", "@"))
	slices.Sort(lines)
	for _, line := range slices.Compact(lines) {
		if path, version, ok := strings.Cut(line, "@"); ok {
			info.Deps = append(info.Deps, &debug.Module{Path: path, Version: version})
		}
	}
	return []*debug.BuildInfo{info}, nil
}

// contents returns the main module's path and what is linked into the binaries.
func contents(infos []*debug.BuildInfo) (app string, components []cdx.Component) {
	for _, info := range infos {
		version := strings.TrimPrefix(info.GoVersion, "go")
		library := bill.Library("stdlib", version, bill.Go("stdlib", version))
		library.Description = "The Go standard library"
		components = append(components, library)
		for _, dep := range info.Deps {
			components = append(components, component(dep))
		}
	}
	if len(infos) > 0 {
		app = infos[0].Main.Path
	}
	return app, components
}

// local is the version of a module that is a directory.
const local = "(devel)"

// component returns a dependency, or what replaces it. A directory that replaces a module has no
// version, and its name says nothing outside this tree.
func component(dep *debug.Module) cdx.Component {
	var properties []cdx.Property
	path, version := dep.Path, dep.Version
	if by := dep.Replace; by != nil {
		replaced := strings.TrimSuffix(dep.Path+"@"+dep.Version, "@")
		properties = append(properties, cdx.Property{Name: "go:replaces", Value: replaced})
		version, dep = by.Version, by
		if version != "" && version != local {
			path = by.Path
		}
	}
	if version == local {
		version = ""
	}
	c := bill.Library(path, version, bill.Go(path, version))
	if dep.Sum != "" {
		properties = append(properties, cdx.Property{Name: "go:sum", Value: dep.Sum})
	}
	if len(properties) > 0 {
		c.Properties = &properties
	}
	return c
}
