package golang

import (
	"cmp"
	"debug/buildinfo"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/buildpacks/libcnb/v2"
)

// bill writes the launch bill of materials: the Go release whose standard library is linked in, and every module, as the binaries themselves
// state them. It holds no time and no serial number, so that the same build gives the same bytes.
func (b *work) bill() error {
	var infos []*debug.BuildInfo
	for _, m := range b.mains {
		info, err := buildinfo.ReadFile(filepath.Join(b.binaries, m.name))
		if err != nil {
			return fmt.Errorf("reading the modules of %q: %w", m.name, err)
		}
		infos = append(infos, info)
	}
	b.rememberModules(infos)
	file, err := os.Create(b.cnb.Layers.LaunchSBOMPath(libcnb.CycloneDXJSON))
	if err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	encoder := cdx.NewBOMEncoder(file, cdx.BOMFileFormatJSON).SetPretty(true)
	if err := errors.Join(encoder.EncodeVersion(bom(infos), cdx.SpecVersion1_5), file.Close()); err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	return nil
}

// bom joins what the binaries say of themselves.
func bom(infos []*debug.BuildInfo) *cdx.BOM {
	found := map[string]cdx.Component{}
	add := func(c cdx.Component) { found[c.BOMRef] = c }
	for _, info := range infos {
		version := strings.TrimPrefix(info.GoVersion, "go")
		purl := "pkg:golang/stdlib@" + version
		add(cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: "stdlib", Version: version, PackageURL: purl, Description: "The Go standard library"})
		for _, dep := range info.Deps {
			add(component(dep))
		}
	}
	components := slices.SortedFunc(maps.Values(found), func(x, y cdx.Component) int { return cmp.Compare(x.BOMRef, y.BOMRef) })
	doc := cdx.NewBOM()
	doc.Components = &components
	if len(infos) > 0 && infos[0].Main.Path != "" {
		main := infos[0].Main.Path
		doc.Metadata = &cdx.Metadata{Component: &cdx.Component{BOMRef: main, Type: cdx.ComponentTypeApplication, Name: main}}
	}
	return doc
}

// local is the version of a module that comes from a directory.
const local = "(devel)"

// component is a dependency: what it was replaced by, where that was so. A directory that replaces a module has no version, and its name
// says nothing outside of this tree.
func component(dep *debug.Module) cdx.Component {
	var properties []cdx.Property
	path, version := dep.Path, dep.Version
	if by := dep.Replace; by != nil {
		properties = append(properties, cdx.Property{Name: "go:replaces", Value: strings.TrimSuffix(dep.Path+"@"+dep.Version, "@")})
		version, dep = by.Version, by
		if version != "" && version != local {
			path = by.Path
		}
	}
	purl := "pkg:golang/" + path
	if version == local {
		version = ""
	}
	if version != "" {
		purl += "@" + version
	}
	c := cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: purl}
	if dep.Sum != "" {
		properties = append(properties, cdx.Property{Name: "go:sum", Value: dep.Sum})
	}
	if len(properties) > 0 {
		c.Properties = &properties
	}
	return c
}
