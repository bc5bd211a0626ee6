package lifecycle

import (
	"fmt"
	"maps"
	"mime"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/cache/beneath"
)

// sbomName is the directory in the layers directory where bills of materials are kept, as in the specification:
// sbom/launch/‹buildpack›/‹layer›/sbom.cdx.json. No buildpack may have its name.
const sbomName = "sbom"

// sbomTypes are the media types of a bill of materials by the end of its file's name.
var sbomTypes = map[string]string{
	"cdx":  "application/vnd.cyclonedx+json",
	"spdx": "application/spdx+json",
	"syft": "application/vnd.syft+json",
}

// maxSBOM is the most bytes of all bills of materials of a build.
const maxSBOM = 64 << 20

// sboms are the bills of materials of a build: content by path below [sbomName].
type sboms struct {
	files map[string][]byte
	size  int64
}

// sbomOf splits the name of a bill of materials: "jre.sbom.cdx.json" is that of the layer jre in the format cdx.
func sbomOf(file string) (name, format string, ok bool) {
	name, rest, found := strings.Cut(file, ".sbom.")
	format, isJSON := strings.CutSuffix(rest, ".json")
	return name, format, found && isJSON
}

// collect reads the bills of materials that a buildpack has left beside its layers. Those of layers that it has not
// declared do not count.
func (s *sboms) collect(m Member, dir *beneath.Dir, layers map[string]layerFile) error {
	entries, err := dir.ReadDir(".")
	if err != nil {
		return fmt.Errorf("listing layers: %w", err)
	}
	for _, e := range entries {
		name, format, ok := sbomOf(e.Name)
		layer, declared := layers[name]
		if !ok || !declared && name != "launch" && name != "build" {
			continue
		}
		if err := checkSBOM(m.Info.SBOMFormats, format); err != nil {
			return fmt.Errorf("reading %q: %w", e.Name, err)
		}
		data, err := dir.ReadFile(e.Name, maxSBOM-s.size)
		if err != nil {
			return fmt.Errorf("reading %q: %w", e.Name, beneath.Reason(err))
		}
		s.size += int64(len(data))
		for _, kind := range sbomKinds(name, layer) {
			place := path.Join(kind, m.Escaped())
			if declared {
				place = path.Join(place, name)
			}
			s.files[path.Join(place, "sbom."+format+".json")] = data
		}
	}
	return nil
}

// checkSBOM returns an error if a buildpack has not declared that it writes a format.
func checkSBOM(declared []string, format string) error {
	want, known := sbomTypes[format]
	if !known {
		return fmt.Errorf("the format %q of a bill of materials is not known", format)
	}
	if !slices.ContainsFunc(declared, func(d string) bool {
		is, _, err := mime.ParseMediaType(d)
		return err == nil && is == want
	}) {
		return fmt.Errorf("sbom-formats of its buildpack.toml lacks %s", want)
	}
	return nil
}

// sbomKinds lists where a bill of materials is kept: with those of what runs, of what builds, of what is cached.
func sbomKinds(name string, layer layerFile) []string {
	switch {
	case name == "launch" || name == "build":
		return []string{name}
	case layer.Types.Launch && layer.Types.Cache:
		return []string{"launch", "cache"}
	case layer.Types.Launch:
		return []string{"launch"}
	case layer.Types.Cache:
		return []string{"build", "cache"}
	}
	return []string{"build"}
}

// write puts the bills of materials in the place of those of the last build. It returns the host path of those that
// belong to the slug, "" for none.
func (s *sboms) write(layers *beneath.Dir) (launch string, err error) {
	if err := layers.RemoveAll(sbomName); err != nil {
		return "", fmt.Errorf("removing the last bills of materials: %w", err)
	}
	for _, file := range slices.Sorted(maps.Keys(s.files)) {
		at := path.Join(sbomName, file)
		if err := mkdirAll(layers, path.Dir(at)); err != nil {
			return "", fmt.Errorf("keeping a bill of materials: %w", err)
		}
		if err := layers.WriteFile(at, s.files[file], 0o644); err != nil {
			return "", fmt.Errorf("keeping a bill of materials: %w", err)
		}
		if strings.HasPrefix(file, "launch/") {
			launch = filepath.Join(layers.Path(), sbomName, "launch")
		}
	}
	return launch, nil
}

// mkdirAll makes a directory and those above it.
func mkdirAll(dir *beneath.Dir, name string) error {
	if name == "." {
		return nil
	}
	if err := mkdirAll(dir, path.Dir(name)); err != nil {
		return err
	}
	return dir.Mkdir(name, 0o755)
}

// dropSBOMs removes the bills of materials that no kept layer has: the buildpack writes them again.
func dropSBOMs(dir *beneath.Dir, kept map[string]layerFile) error {
	entries, err := dir.ReadDir(".")
	if err != nil {
		return fmt.Errorf("listing layers: %w", err)
	}
	for _, e := range entries {
		name, _, ok := sbomOf(e.Name)
		if _, stays := kept[name]; ok && !stays {
			if err := dir.RemoveAll(e.Name); err != nil {
				return err
			}
		}
	}
	return nil
}
