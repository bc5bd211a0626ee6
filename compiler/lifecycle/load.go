package lifecycle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/cache/beneath"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/detect/lazyregexp"
)

// Buildpack is a buildpack on disk.
type Buildpack struct {
	libcnb.Buildpack            // buildpack.toml
	Dir              string     // its directory on the host, which no build can write
	BuiltIn          bool       // slugc's own
	Classic          bool       // of the older contract, bin/compile
	Late             bool       // a classic one that detects when those before it have run, as on Heroku
	Order            []OrderOf  // of a composite buildpack: the groups that it consists of
	targets          []targetOf // of buildpack.toml or inferred; empty for any
}

// OrderOf is a group in the order of a composite buildpack.
type OrderOf []Reference

// Reference names a buildpack in an order.
type Reference struct {
	ID       string `toml:"id"`
	Version  string `toml:"version"`
	Optional bool   `toml:"optional"`
}

// The names of a buildpack's files.
const (
	descriptorName = "buildpack.toml"
	extensionName  = "extension.toml"
	detectProgram  = "bin/detect"
	buildProgram   = "bin/build"
)

// apis are the versions of the Buildpack API that this package speaks.
var apis = []string{"0.7", "0.8", "0.9", "0.10", "0.11", "0.12"}

// atLeast reports whether the buildpack speaks this version of the API or a later one.
func (b Buildpack) atLeast(version string) bool {
	return slices.Index(apis, b.API) >= slices.Index(apis, version)
}

// Load reads the buildpack in dir. Its fault is "buildpack/extension" for an image extension, "buildpack/api" for
// an API that slugc does not speak (exit 12, as the lifecycle's), and else "buildpack/invalid" (exit 21).
func Load(dir string) (Buildpack, error) { return load(Buildpack{Dir: dir}) }

// LoadBuiltIn is [Load] for one of slugc's own buildpacks, whose programs are the slugc binary.
func LoadBuiltIn(dir string) (Buildpack, error) { return load(Buildpack{Dir: dir, BuiltIn: true}) }

func load(b Buildpack) (Buildpack, error) {
	dir := b.Dir
	root, err := os.OpenRoot(dir)
	if err != nil {
		return b, fmt.Errorf("opening a buildpack: %w", err)
	}
	defer root.Close()
	if _, err := root.Lstat(extensionName); err == nil {
		return b, extensionFault(dir, extensionName)
	}
	data, err := beneath.ReadLinked(dir, descriptorName, maxFile)
	if err != nil && !disk.Damaged(err) {
		return b, fmt.Errorf("reading %q: %w", filepath.Join(dir, descriptorName), err)
	}
	var file descriptor
	if err == nil {
		err = toml.Unmarshal(data, &file)
	}
	if err != nil {
		return b, invalid(dir, descriptorName, beneath.Reason(err))
	}
	b.Buildpack, b.Order = file.Buildpack, file.order()
	if len(file.Extensions) > 0 {
		return b, extensionFault(b.Info.ID, "[[order-extensions]]")
	}
	if err := b.check(root); err != nil {
		return b, err
	}
	b.targets = file.targets(root)
	return b, nil
}

// descriptor is what this package reads of buildpack.toml besides what libcnb does.
type descriptor struct {
	libcnb.Buildpack
	Groups     []struct{ Group OrderOf } `toml:"order"`
	Extensions []any                     `toml:"order-extensions"`
	Targets    []targetOf                `toml:"targets"`
	Stacks     []struct {
		ID string `toml:"id"`
	} `toml:"stacks"`
}

func (d descriptor) order() (order []OrderOf) {
	for _, g := range d.Groups {
		order = append(order, g.Group)
	}
	return order
}

// check holds what buildpack.toml says against what this package can run.
func (b Buildpack) check(root *os.Root) error {
	if !idGrammar.MatchString(b.Info.ID) {
		return invalid(b.Dir, descriptorName, fmt.Errorf("the buildpack id %q is malformed", b.Info.ID))
	}
	if slices.Contains(reservedIDs, b.Info.ID) {
		return invalid(b.Dir, descriptorName, fmt.Errorf("no buildpack can have the id %q", b.Info.ID))
	}
	if !versionGrammar.MatchString(b.Info.Version) {
		return invalid(b.Info.ID, descriptorName, fmt.Errorf("the version %q is malformed", b.Info.Version))
	}
	if !slices.Contains(apis, b.API) {
		why := fmt.Errorf("it is written for Buildpack API %q", b.API)
		return fault.New(
			fault.App,
			fault.ExitAPI,
			"buildpack/api",
			fmt.Errorf(
				"loading buildpack %s: %s: %w",
				b.Info.ID,
				descriptorName,
				why,
			),
			fmt.Sprintf("take a version of it for an API from %s to %s", apis[0], apis[len(apis)-1]),
		)
	}
	for _, group := range b.Order {
		if len(group) == 0 {
			return invalid(b.Info.ID, descriptorName, errors.New("a group of its [[order]] names no buildpacks"))
		}
	}
	if len(b.Order) > 0 || b.BuiltIn {
		return nil
	}
	for _, program := range []string{detectProgram, buildProgram} {
		if err := isProgram(root, program, 0o111); err != nil {
			return invalid(b.Info.ID, program, err)
		}
	}
	return nil
}

// isProgram returns an error if a buildpack lacks a program with one of these bits of its mode. A link within the
// buildpack may stand for it.
func isProgram(root *os.Root, name string, mode fs.FileMode) error {
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errors.New("the buildpack lacks it")
	case err != nil:
		return beneath.Reason(err)
	case !info.Mode().IsRegular():
		return beneath.ErrNotRegular
	case info.Mode()&mode == 0:
		return errors.New("it is not executable")
	}
	return nil
}

// invalid is the fault of a buildpack that cannot be run. name is its id, or its directory before that is known.
func invalid(name, file string, err error) error {
	return fault.New(fault.App, fault.ExitDetect, "buildpack/invalid",
		fmt.Errorf("loading buildpack %s: %s: %w", name, file, err),
		"check that it is a buildpack, or report it to the buildpack's author")
}

func extensionFault(name, file string) error {
	return fault.New(fault.App, fault.ExitDetect, "buildpack/extension",
		fmt.Errorf("loading buildpack %s: %s: image extensions are not supported", name, file),
		"slugc makes slugs, not images: leave the extension out, and let a buildpack supply what it installs")
}

// LoadClassic makes a buildpack of the classic one in dir, which has no file that states id and version. Its fault
// is "buildpack/invalid".
func LoadClassic(dir, id, version string) (Buildpack, error) {
	b := Buildpack{Dir: dir, Classic: true}
	b.Info.ID, b.Info.Version = id, version
	root, err := os.OpenRoot(dir)
	if err != nil {
		return b, fmt.Errorf("opening a buildpack: %w", err)
	}
	defer root.Close()
	if !idGrammar.MatchString(id) || slices.Contains(reservedIDs, id) {
		return b, invalid(dir, "its name", fmt.Errorf("the buildpack id %q is malformed", id))
	}
	for _, program := range []string{detectProgram, "bin/compile"} {
		if err := isProgram(root, program, 0o777); err != nil { // they are made executable
			return b, invalid(id, program, err)
		}
	}
	return b, nil
}

// reservedIDs cannot be those of a buildpack (specification, "Buildpack ID").
var reservedIDs = []string{"app", "config", "generated", sbomName}

var (
	// idGrammar is the form of a buildpack id, which paths and section names contain.
	idGrammar = lazyregexp.New(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}(/[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}){0,9}$`)
	// versionGrammar is the form of a version, which paths contain. The specification wants three numbers.
	versionGrammar = lazyregexp.New(`^([a-zA-Z0-9][a-zA-Z0-9._+-]{0,99})?$`)
)

// Name returns id and version for messages, "acme/cobol@1.2.3".
func (b Buildpack) Name() string {
	if b.Info.Version == "" {
		return b.Info.ID
	}
	return b.Info.ID + "@" + b.Info.Version
}

// foreign reports whether the buildpack is a Cloud Native Buildpack of others.
func (b Buildpack) foreign() bool { return !b.BuiltIn && !b.Classic }
