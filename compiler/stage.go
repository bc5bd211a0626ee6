package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"slugc/cache"
	"slugc/compiler/fault"
	"slugc/compiler/source"
)

// Staged is a private copy of the source and the directories of its build. The copy is
// Dirs.AppDir.
type Staged struct {
	Tree *source.Tree
	Dirs *cache.Build
}

// stage makes the private copy of the source.
func (b *build) stage(ctx context.Context, src *source.Source) (Staged, error) {
	dirs, err := b.app().Begin(b.Fresh)
	if err != nil {
		return Staged{}, err
	}
	tree, err := src.Stage(ctx, dirs.AppDir)
	if err == nil {
		err = refuseReserved(dirs.AppDir)
	}
	if err != nil {
		return Staged{}, errors.Join(err, dirs.Abort())
	}
	for _, w := range tree.Warnings {
		b.Report.Warn(w)
	}
	b.clock.mark("stage")
	return Staged{tree, dirs}, nil
}

// reservedNames are what slugc itself puts into the app directory.
var reservedNames = []string{".layers", ".slugc"}

// refuseReserved refuses a source that holds a reserved name.
func refuseReserved(dir string) error {
	for _, name := range reservedNames {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return fault.AppError("source/reserved-name",
				fmt.Errorf("staging the source: %q is slugc's own name", name),
				fmt.Sprintf("rename %s or list it in .slugignore", name)).At("%s", name)
		}
	}
	return nil
}

// abandon ends a build that did not succeed.
func (b *build) abandon(staged Staged) {
	if err := staged.Dirs.Abort(); err != nil {
		b.Report.Warn("cleaning up after the failed build: " + err.Error())
	}
}
