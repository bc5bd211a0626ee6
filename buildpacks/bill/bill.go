// Package bill writes a buildpack's bill of materials: what an app runs on and what is in it, as
// CycloneDX 1.5. A bill holds no time and no serial number, and its components are sorted, so that
// the same build gives the same bytes.
package bill

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/buildpacks/libcnb/v2"
)

// Runtime is the component of what an app runs on: Ruby, Node.js, a JRE.
func Runtime(name, version string) cdx.Component {
	return component(cdx.ComponentTypePlatform, name, version, "pkg:generic/"+name+"@"+version)
}

// Tool is the component of a program that the app may call: a package manager. purl is its package
// URL.
func Tool(name, version, purl string) cdx.Component {
	return component(cdx.ComponentTypeApplication, name, version, purl)
}

// Library is the component of a dependency. version is "" where it has none; purl is its package
// URL, which tells it from every other component.
func Library(name, version, purl string) cdx.Component {
	return component(cdx.ComponentTypeLibrary, name, version, purl)
}

func component(kind cdx.ComponentType, name, version, purl string) cdx.Component {
	return cdx.Component{BOMRef: purl, Type: kind, Name: name, Version: version, PackageURL: purl}
}

// Write writes the bill of the launch image of a build: the components, each once, and the app's
// name where it has one ("" for none). A platform whose buildpack.toml announces no CycloneDX gets
// none.
func Write(ctx libcnb.BuildContext, app string, components []cdx.Component) error {
	if !slices.Contains(ctx.Buildpack.Info.SBOMFormats, libcnb.BOMMediaTypeCycloneDX) {
		return nil
	}
	components = slices.Clone(components)
	slices.SortStableFunc(components, func(x, y cdx.Component) int { return cmp.Compare(x.BOMRef, y.BOMRef) })
	components = slices.CompactFunc(components, func(x, y cdx.Component) bool { return x.BOMRef == y.BOMRef })
	doc := cdx.NewBOM()
	doc.Components = &components
	if app != "" {
		doc.Metadata = &cdx.Metadata{
			Component: &cdx.Component{BOMRef: app, Type: cdx.ComponentTypeApplication, Name: app},
		}
	}
	file, err := os.Create(ctx.Layers.LaunchSBOMPath(libcnb.CycloneDXJSON))
	if err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	encoder := cdx.NewBOMEncoder(file, cdx.BOMFileFormatJSON).SetPretty(true)
	if err := errors.Join(encoder.EncodeVersion(doc, cdx.SpecVersion1_5), file.Close()); err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	return nil
}
