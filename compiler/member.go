package compiler

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"slugc/cache/beneath"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
)

// maxProfile bounds a profile of a member, in bytes.
const maxProfile = 1 << 20

// moveUp puts the Procfile and the profiles of a member where runners look for them, at the root of the slug. Those
// of the workspace are not the member's. A profile is there in both places: a runner that sources a relative path
// finds the same file after the first profile has entered the member's directory.
func moveUp(appDir, member string) error {
	if member == "" {
		return nil
	}
	app, err := beneath.Open(appDir)
	if err != nil {
		return fmt.Errorf("opening the app directory: %w", err)
	}
	defer app.Close()
	names := []string{procfile.Name, ".profile"}
	entries, err := app.ReadDir(path.Join(member, ".profile.d"))
	if err != nil && !beneath.Missing(err) && !errors.Is(err, beneath.ErrLink) {
		return moveFault(path.Join(member, ".profile.d"), err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name, ".sh") && !beneath.IsDir(e.Stat_t) {
			names = append(names, path.Join(".profile.d", e.Name))
		}
	}
	files := map[string][]byte{} // read before anything is removed that they may be links to
	for _, name := range names {
		from := path.Join(member, name)
		text, err := beneath.ReadLinked(appDir, from, maxProfile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return moveFault(from, err)
		}
		if err == nil {
			files[name] = text
		}
	}
	for _, name := range []string{procfile.Name, ".profile", ".profile.d"} {
		if err := app.RemoveAll(name); err != nil {
			return fmt.Errorf("preparing the slug: %w", err)
		}
	}
	if err := app.Mkdir(".profile.d", 0o755); err != nil {
		return fmt.Errorf("preparing the slug: %w", err)
	}
	for name, text := range files {
		if err := app.WriteFile(name, text, 0o644); err != nil {
			return fmt.Errorf("preparing the slug: %w", err)
		}
	}
	return nil
}

// moveFault is the fault of a profile that is not a plain file.
func moveFault(name string, err error) error {
	return fault.AppError("source/profile-d",
		fmt.Errorf("writing the launch environment: %s: %w", name, withoutPath(err)),
		"make .profile.d a directory of plain files, or rename it").At("%s", name)
}
