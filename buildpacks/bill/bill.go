// Package bill writes a buildpack's bill of materials: what an app runs on and what is in it, as
// CycloneDX 1.5. A bill holds no time and no serial number, and its components are sorted, so the
// same build writes the same bytes.
//
//	components := []cdx.Component{
//		bill.Runtime("ruby", "3.4.1"),
//		bill.Library("rack", "3.1.8", bill.Gem("rack", "3.1.8", "")),
//	}
//	err := bill.Write(ctx, "shop", components)
//
// It does not find out what is in an app: each language knows that.
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
	return component(cdx.ComponentTypePlatform, name, version, Generic("", name, version))
}

// Tool is the component of a program that the app may call, such as a package manager.
func Tool(name, version string, purl PackageURL) cdx.Component {
	return component(cdx.ComponentTypeApplication, name, version, purl)
}

// Library is the component of a dependency. version is "" where it has none. purl tells it from
// every other component.
func Library(name, version string, purl PackageURL) cdx.Component {
	return component(cdx.ComponentTypeLibrary, name, version, purl)
}

func component(kind cdx.ComponentType, name, version string, purl PackageURL) cdx.Component {
	return cdx.Component{
		BOMRef: string(purl), Type: kind, Name: name, Version: version, PackageURL: string(purl),
	}
}

// Write writes the bill of a build's launch image: the components, each once, and the app's name
// ("" for none). It writes nothing where buildpack.toml does not announce CycloneDX.
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
