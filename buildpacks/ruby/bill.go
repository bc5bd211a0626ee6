package ruby

import (
	"path/filepath"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"slugc/buildpacks/bill"
	"slugc/buildpacks/tree"
)

// bill writes the launch bill of materials: Ruby, Bundler and the gems that are installed.
func (b *work) bill() error {
	components := []cdx.Component{bill.Runtime("ruby", b.ruby.Version), gemComponent("bundler", b.bundler, "")}
	for _, source := range b.app.Lock.Sources {
		for _, spec := range source.Specs {
			full := spec.Name + "-" + spec.Version
			if spec.Platform != "" {
				full += "-" + spec.Platform
			}
			if source.Kind != "GEM" || tree.IsFile(filepath.Join(b.gemHome(), "specifications", full+".gemspec")) {
				components = append(components, gemComponent(spec.Name, spec.Version, spec.Platform))
			}
		}
	}
	return bill.Write(b.CNB, "", components)
}

func gemComponent(name, version, platform string) cdx.Component {
	return bill.Library(name, version, bill.Gem(name, version, platform))
}
