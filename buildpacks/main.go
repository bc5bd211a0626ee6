package buildpacks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
)

// Main acts as a built-in buildpack's bin/detect, bin/build or bin/runtime when the process was
// called by that name, and reports whether it was. Which buildpack it is stands in $CNB_BUILDPACK_DIR/buildpack.toml.
// It ends the process on errors, as libcnb does: it is a main function.
func Main(args []string) (handled bool) {
	if len(args) == 0 {
		return false
	}
	name := filepath.Base(args[0])
	if name != "detect" && name != "build" && name != "runtime" {
		return false
	}
	dir := os.Getenv(libcnb.EnvBuildpackDirectory)
	if dir == "" {
		return false
	}
	var bp libcnb.Buildpack
	if _, err := toml.DecodeFile(filepath.Join(dir, "buildpack.toml"), &bp); err != nil {
		fmt.Fprintln(os.Stderr, "reading buildpack.toml:", err)
		os.Exit(1)
	}
	for _, l := range Languages {
		if l.ID == bp.Info.ID && name == "runtime" {
			makeRuntime(l, args)
			return true
		}
		if l.ID == bp.Info.ID {
			libcnb.BuildpackMain(l.detectAlone, l.Build, libcnb.WithArguments(args), libcnb.WithExitHandler(exit{}))
			return true
		}
	}
	fmt.Fprintf(os.Stderr, "no buildpack %q is built in\n", bp.Info.ID)
	os.Exit(1)
	return true
}

// makeRuntime is bin/runtime, which is called with an order and the directory to fill.
func makeRuntime(l Language, args []string) {
	const want = 3
	err := errors.New("bin/runtime is called by slugc itself")
	if l.Runtime != nil && len(args) == want {
		err = l.Runtime.MakeRuntime(context.Background(), args[1], args[2], os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// exit ends the process with the exit codes of the contract. The error's text belongs to the log. A
// diagnosis may have been handed on already; libcnb's own errors, of writing what a build returned,
// were not.
type exit struct{}

func (exit) Error(err error) {
	fmt.Fprintln(os.Stderr, language.Failed(err, os.Getenv(diagnosis.Env)))
	os.Exit(1)
}

func (exit) Fail() { os.Exit(100) }
func (exit) Pass() { os.Exit(0) }
