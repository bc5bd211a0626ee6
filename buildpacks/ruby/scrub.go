package ruby

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// leftovers are files that compiling an extension leaves behind: no app reads them, and they
// contain paths of the build.
var leftovers = map[string]bool{"mkmf.log": true, "gem_make.out": true}

// scrubGems removes from a directory of gems what differs between two installs of the same lock
// file, and what only an install needs: logs and intermediate files of compiled extensions,
// repositories of git gems, empty directories of RubyGems.
func scrubGems(home string) error {
	err := filepath.WalkDir(home, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(home, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case d.Name() == ".git" && strings.HasPrefix(rel, "bundler/gems/"):
			if err := os.RemoveAll(name); err != nil {
				return err
			}
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.Type().IsRegular():
		case leftovers[d.Name()], intermediate(rel):
			return os.Remove(name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cleaning the gems: %w", err)
	}
	for _, dir := range []string{"build_info", "doc", "plugins"} {
		os.Remove(filepath.Join(home, dir)) // refused unless it is empty
	}
	return nil
}

// intermediate reports files in a gem's ext directory that compiling it creates.
func intermediate(rel string) bool {
	parts := strings.Split(rel, "/")
	if len(parts) < 4 || parts[0] != "gems" && parts[0] != "bundler" || !strings.Contains(rel, "/ext/") {
		return false
	}
	switch base := path.Base(rel); {
	case base == "Makefile", path.Ext(base) == ".o", path.Ext(base) == ".time", strings.HasPrefix(base, "conftest"):
		return true
	}
	return false
}
