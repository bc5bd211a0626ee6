package golang

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// preCompile also looks at bin before anything is compiled into it: compiling takes longer than
// looking.
func (b *work) preCompile() error {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return fmt.Errorf("opening the app: %w", err)
	}
	defer root.Close()
	if err := checkBin(root); err != nil {
		return err
	}
	return b.hook(root, "go-pre-compile")
}

func (b *work) postCompile() error {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return fmt.Errorf("opening the app: %w", err)
	}
	defer root.Close()
	return b.hook(root, "go-post-compile")
}

// hook runs the app's bin/‹name› in its root where there is one, executable or not, with the go
// command's environment.
func (b *work) hook(root *os.Root, name string) error {
	place := filepath.Join(binDir, name)
	info, err := root.Stat(place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at %q: %w", place, err)
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	if err := root.Chmod(place, info.Mode().Perm()|0o111); err != nil {
		return fmt.Errorf("making %q executable: %w", place, err)
	}
	b.say.Step("Running %s", place)
	// By way of a shell, which also runs a script without a first line that names its interpreter.
	_, err = b.run(place, "bash", []string{"-c", place}, nil, nil)
	failed := unknown
	failed.ID = "go/hook-failed"
	if err = command.Explain(err, nil, failed); err != nil {
		if d, ok := errors.AsType[*diagnosis.Diagnosis](err); ok {
			d.Place = place
		}
	}
	return err
}
