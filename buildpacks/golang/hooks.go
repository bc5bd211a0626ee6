package golang

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// preCompile runs bin/go-pre-compile. First it checks bin, which costs less than to find out after
// compiling.
func (b *work) preCompile() error {
	return b.inRoot(func(root *os.Root) error {
		if err := checkBin(root); err != nil {
			return err
		}
		return b.hook(root, "go-pre-compile")
	})
}

// postCompile runs bin/go-post-compile.
func (b *work) postCompile() error {
	return b.inRoot(func(root *os.Root) error { return b.hook(root, "go-post-compile") })
}

// inRoot calls do with the app's root, which no link in the app leads out of.
func (b *work) inRoot(do func(root *os.Root) error) error {
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return fmt.Errorf("opening the app: %w", err)
	}
	defer root.Close()
	return do(root)
}

// hook runs the app's bin/‹name› in its root where there is one, executable or not. The hooks and what
// they see are those of Heroku's Go buildpack: `go install` puts a program into the app's bin, and
// -mod is the go command's own default.
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
	b.Log.Step("Running %s", place)
	// A shell also runs a script without a line that names its interpreter.
	env := maps.Clone(b.env.vars)
	env["GOBIN"], env["GOFLAGS"] = b.Path(binDir), b.goFlags()
	env["PATH"] += string(filepath.ListSeparator) + env["GOBIN"]
	_, err = b.run("bash", command.Command{
		Args: []string{"-c", place}, Shown: place, Offline: true, Env: env.List(), Stuck: command.Hangs("go"),
	})
	failed := unknown
	failed.ID = "go/hook-failed"
	if err = command.Explain(err, nil, failed); err != nil {
		if d, ok := errors.AsType[*diagnosis.Diagnosis](err); ok {
			d.Place = place
		}
	}
	return err
}
