package golang

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// preCompile also looks at bin before anything is compiled into it: compiling takes longer than looking.
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

// hook runs the app's bin/‹name› in its root where there is one, executable or not, with the go command's environment.
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
	b.say.step("Running %s", place)
	log := b.say.stream(nil)
	// By way of a shell, which also runs a script without a first line that names its interpreter.
	err = b.run("bash", []string{"-c", place}, log, log)
	exit, failed := errors.AsType[*exec.ExitError](err)
	if !failed {
		return err
	}
	d := unrecognised(place, exit.String(), log.last())
	if d.ID == "go/build-failed" {
		d.ID, d.Place = "go/hook-failed", place
	}
	return d
}
