package bill

import (
	"path"
	"strings"

	"github.com/package-url/packageurl-go"
)

// PackageURL names a package across ecosystems, in the canonical form of the purl specification
// (ECMA-427): "pkg:npm/%40babel/core@7.26.0".
type PackageURL string

// Gem is the package URL of a RubyGem. platform is "" for one that is plain Ruby.
func Gem(name, version, platform string) PackageURL {
	var qualifiers packageurl.Qualifiers
	if platform != "" {
		qualifiers = packageurl.Qualifiers{{Key: "platform", Value: platform}}
	}
	return canonical(packageurl.TypeGem, "", name, version, qualifiers)
}

// Generic is the package URL of what no registry of packages holds, such as a runtime. namespace
// may be "".
func Generic(namespace, name, version string) PackageURL {
	return canonical(packageurl.TypeGeneric, namespace, name, version, nil)
}

// Go is the package URL of a Go module. version is "" for one that has none.
func Go(module, version string) PackageURL {
	dir, name := path.Split(module)
	return canonical(packageurl.TypeGolang, dir, name, version, nil)
}

// Maven is the package URL of a Maven artifact.
func Maven(group, name, version string) PackageURL {
	return canonical(packageurl.TypeMaven, group, name, version, nil)
}

// NPM is the package URL of an npm package, which may have a scope: "@babel/core".
func NPM(name, version string) PackageURL {
	scope, base, scoped := strings.Cut(name, "/")
	if !scoped {
		scope, base = "", name
	}
	return canonical(packageurl.TypeNPM, scope, base, version, nil)
}

// canonical writes a package URL. Values that break a rule of the specification are written as they
// stand: a bill with an odd name is better than none.
func canonical(kind, namespace, name, version string, qualifiers packageurl.Qualifiers) PackageURL {
	purl := packageurl.NewPackageURL(kind, namespace, name, version, qualifiers, "")
	_ = purl.Normalize()
	return PackageURL(purl.ToString())
}
