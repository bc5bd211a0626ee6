package ruby

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/buildpacks/libcnb/v2"
)

// bill writes the launch bill of materials: Ruby, Bundler and the gems that are installed. It holds no time and no serial number, so that the same build
// gives the same bytes.
func (b *work) bill() error {
	components := []cdx.Component{
		{BOMRef: "pkg:generic/ruby@" + b.ruby.Version, Type: cdx.ComponentTypePlatform, Name: "ruby", Version: b.ruby.Version, PackageURL: "pkg:generic/ruby@" + b.ruby.Version},
		gemComponent("bundler", b.bundler, ""),
	}
	for _, source := range b.app.Lock.Sources {
		for _, spec := range source.Specs {
			full := spec.Name + "-" + spec.Version
			if spec.Platform != "" {
				full += "-" + spec.Platform
			}
			if source.Kind != "GEM" || regular(filepath.Join(b.gemHome(), "specifications", full+".gemspec")) {
				components = append(components, gemComponent(spec.Name, spec.Version, spec.Platform))
			}
		}
	}
	slices.SortFunc(components, func(x, y cdx.Component) int { return cmp.Compare(x.BOMRef, y.BOMRef) })
	components = slices.CompactFunc(components, func(x, y cdx.Component) bool { return x.BOMRef == y.BOMRef })
	doc := cdx.NewBOM()
	doc.Components = &components
	file, err := os.Create(b.cnb.Layers.LaunchSBOMPath(libcnb.CycloneDXJSON))
	if err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	encoder := cdx.NewBOMEncoder(file, cdx.BOMFileFormatJSON).SetPretty(true)
	if err := errors.Join(encoder.EncodeVersion(doc, cdx.SpecVersion1_5), file.Close()); err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	return nil
}

func gemComponent(name, version, platform string) cdx.Component {
	purl := "pkg:gem/" + name + "@" + version
	if platform != "" {
		purl += "?platform=" + platform
	}
	return cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: name, Version: version, PackageURL: purl}
}
