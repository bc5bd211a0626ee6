// Package buildpacks holds the built-in buildpacks. [Languages] is the one table of the languages:
// what is specific to a language and no detector's or buildpack's own business stands there, and
// the platform names no language.
//
//	l, ok := buildpacks.For(detect.Go)
//	dir, err := l.Materialise(home.Path("buildpacks"), self) // buildpack.toml, bin/detect, bin/build
//
// On disk, a built-in buildpack is a Cloud Native Buildpack whose bin/detect and bin/build are links
// to slugc itself, which acts as the buildpack when it is called by one of these names ([Main]).
// Running one is package lifecycle's work.
package buildpacks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"slugc/buildpacks/language"
	"slugc/cache"
)

// Materialise returns the directory of the language's buildpack below dir and makes it where it is
// missing: buildpack.toml, and bin/detect and bin/build as links to self, the path of the slugc
// binary. It may be called concurrently, also by several processes.
func (l Language) Materialise(dir, self string) (string, error) {
	name := strings.ReplaceAll(l.ID, "/", "_")
	final := filepath.Join(dir, name, l.Version+"-"+cache.Key(self)[:12])
	if _, err := os.Lstat(final); err == nil {
		return final, nil
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return "", fmt.Errorf("laying out buildpack %s: %w", l.ID, err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(final), ".new-*")
	if err != nil {
		return "", fmt.Errorf("laying out buildpack %s: %w", l.ID, err)
	}
	defer os.RemoveAll(tmp)
	err = errors.Join(
		os.Chmod(tmp, 0o755),
		os.Mkdir(filepath.Join(tmp, "bin"), 0o755),
		os.Symlink(self, filepath.Join(tmp, "bin", "build")),
		os.Symlink(self, filepath.Join(tmp, "bin", "detect")),
		l.writeTOML(filepath.Join(tmp, "buildpack.toml")),
	)
	if err != nil {
		return "", fmt.Errorf("laying out buildpack %s: %w", l.ID, err)
	}
	if err := os.Rename(tmp, final); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("laying out buildpack %s: %w", l.ID, err)
	}
	return final, nil
}

func (l Language) writeTOML(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	type target struct {
		OS string `toml:"os"`
	}
	doc := struct {
		API       string   `toml:"api"`
		Buildpack any      `toml:"buildpack"`
		Targets   []target `toml:"targets"`
	}{
		API: language.API, Targets: []target{{OS: "linux"}},
		Buildpack: struct {
			ID          string   `toml:"id"`
			Version     string   `toml:"version"`
			Name        string   `toml:"name"`
			SBOMFormats []string `toml:"sbom-formats"`
		}{l.ID, l.Version, l.Title, []string{"application/vnd.cyclonedx+json"}},
	}
	return errors.Join(toml.NewEncoder(f).Encode(doc), f.Close())
}
