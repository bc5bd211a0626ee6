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
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/google/renameio/v2"

	"slugc/buildpacks/language"
	"slugc/cache"
	"slugc/cache/disk"
)

// Materialise returns the directory of the language's buildpack below dir: buildpack.toml, and
// bin/detect, bin/build and bin/runtime as links to self, the path of the slugc binary. What is missing
// or wrong there is made again: a power cut or a broken disk may have left anything. It may be called
// concurrently, also by several processes.
func (l Language) Materialise(dir, self string) (string, error) {
	name := strings.ReplaceAll(l.ID, "/", "_")
	final := filepath.Join(dir, name, l.Version+"-"+cache.Key(self)[:12])
	if err := l.layOut(final, self); err != nil {
		return "", fmt.Errorf("laying out buildpack %s: %w", l.ID, err)
	}
	return final, nil
}

// layOut makes what is not right in the buildpack's directory. Each file is replaced by one rename, so that a
// build that uses the directory meanwhile always finds it.
func (l Language) layOut(dir, self string) error {
	want, err := l.toml()
	if err != nil {
		return err
	}
	for _, d := range []string{filepath.Dir(dir), dir, filepath.Join(dir, "bin")} {
		if err := makeDir(d); err != nil {
			return err
		}
	}
	disk.RemoveUnfinished(dir)
	if file := filepath.Join(dir, "buildpack.toml"); !holds(file, want) {
		if err := replace(file, func() error { return disk.WriteFile(file, want, 0o644) }); err != nil {
			return err
		}
	}
	for _, name := range []string{"build", "detect", "runtime"} {
		link := filepath.Join(dir, "bin", name)
		if target, err := os.Readlink(link); err == nil && target == self {
			continue
		}
		err := replace(link, func() error { return renameio.Symlink(self, link) })
		if err := errors.Join(err, disk.SyncDir(filepath.Dir(link))); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes a directory that everyone may read, in the place of whatever else is there.
func makeDir(dir string) error {
	info, err := os.Lstat(dir)
	if err == nil && !info.IsDir() {
		if err := os.Remove(dir); err != nil {
			return err
		}
	}
	if err == nil && info.IsDir() && info.Mode().Perm() == 0o755 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(os.Chmod(dir, 0o755), disk.SyncDir(filepath.Dir(dir)))
}

// holds reports whether a regular file has this content.
func holds(file string, want []byte) bool {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(want)) {
		return false
	}
	got, err := os.ReadFile(file)
	return err == nil && bytes.Equal(got, want)
}

// replace makes a file by write, which replaces anything but a directory.
func replace(file string, write func() error) error {
	if info, err := os.Lstat(file); err == nil && info.IsDir() {
		if err := disk.RemoveAll(file); err != nil {
			return err
		}
	}
	return write()
}

// toml is the content of buildpack.toml.
func (l Language) toml() ([]byte, error) {
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
	var content bytes.Buffer
	err := toml.NewEncoder(&content).Encode(doc)
	return content.Bytes(), err
}
