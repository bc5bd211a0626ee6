package reference

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"slugc/cache/beneath"
)

// maxDescriptor bounds a buildpack.toml, in bytes: those with a list of all versions of a runtime are large.
const maxDescriptor = 8 << 20

// descriptor is what is read of a buildpack.toml. Package lifecycle reads the rest.
type descriptor struct {
	API       string `toml:"api"`
	Buildpack struct {
		ID      string `toml:"id"`
		Version string `toml:"version"`
	} `toml:"buildpack"`
	Order []struct {
		Group []part `toml:"group"`
	} `toml:"order"`
}

// part is a buildpack that a composite one consists of.
type part struct {
	ID      string `toml:"id"`
	Version string `toml:"version"`
}

// recognise finds the buildpack in an unpacked tree, which is in the directory sub, if that is not "", or alone in a
// directory of the root, as in archives that GitHub makes. Of a buildpack for several platforms the one called platform
// counts, "linux/amd64". It returns the directory that is to be kept.
func recognise(tree, sub, platform string) (dir string, members []member, err error) {
	root, err := beneath.Open(tree)
	if err != nil {
		return "", nil, err
	}
	defer root.Close()
	at, err := descend(root, sub)
	if err != nil {
		return "", nil, err
	}
	d, err := root.Dir(at)
	if err != nil {
		return "", nil, errNotFound(fmt.Errorf("it has no directory %q", sub),
			"write #REV:DIR with a directory that it has")
	}
	defer d.Close()
	if err := choosePlatform(d, platform); err != nil {
		return "", nil, err
	}
	m, err := identify(d)
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(tree, filepath.FromSlash(at)), []member{m}, nil
}

// choosePlatform puts the programs for a platform, "linux/amd64", where those of a buildpack for one platform are. A
// buildpack for several keeps them in a directory for each (pack's "multi-platform buildpacks").
func choosePlatform(d *beneath.Dir, platform string) error {
	own := path.Join(platform, "bin")
	if has(d, "bin") || !has(d, path.Join(own, "build")) {
		return nil
	}
	return d.Rename(own, d, "bin")
}

// descend returns the directory that holds the buildpack, by its name.
func descend(root *beneath.Dir, sub string) (string, error) {
	entries, err := root.ReadDir(".")
	if err != nil {
		return "", err
	}
	top := "."
	if len(entries) == 1 && entries[0].Name != "bin" && beneath.IsDir(entries[0].Stat_t) {
		top = entries[0].Name
	}
	if sub == "" {
		return top, nil
	}
	if _, err := root.Lstat(sub); err == nil {
		return sub, nil
	}
	return filepath.ToSlash(filepath.Join(top, sub)), nil
}

// identify reads which buildpack a directory holds.
func identify(d *beneath.Dir) (member, error) {
	text, err := d.ReadFile("buildpack.toml", maxDescriptor)
	if err != nil && !beneath.Missing(err) {
		return member{}, errMalformed(beneath.Reason(err))
	}
	var desc descriptor
	if err == nil {
		if err := toml.Unmarshal(text, &desc); err != nil {
			return member{}, errMalformed(firstLine(err))
		}
	}
	compile := has(d, "bin/compile")
	switch {
	case compile && (desc.API == "" || desc.Buildpack.ID == "" || !has(d, "bin/build") && len(desc.Order) == 0):
		return member{Dir: ".", Kind: Classic}, nil // whoever runs it makes its programs executable, as Heroku does
	case err != nil:
		return member{}, errNone(d)
	case desc.Buildpack.ID == "":
		return member{}, errMalformed(errors.New("it has no id in [buildpack]"))
	}
	m := member{Dir: ".", Kind: CNB, ID: desc.Buildpack.ID, Version: desc.Buildpack.Version}
	if !idForm.MatchString(m.ID) || !versionForm.MatchString(m.Version) {
		return m, errMalformed(fmt.Errorf("its id is %.80q and its version %.80q", m.ID, m.Version))
	}
	for _, o := range desc.Order {
		m.parts = append(m.parts, o.Group...)
	}
	if len(desc.Order) > 0 {
		return m, nil
	}
	if !has(d, "bin/build") {
		return m, errNone(d)
	}
	return m, executable(d, "bin/detect", "bin/build")
}

// has reports whether a directory has a file of that name, or a link.
func has(d *beneath.Dir, name string) bool {
	_, err := d.Lstat(name)
	return err == nil
}

// executable returns an error for a program that cannot be run. A missing bin/detect is found when it is run.
func executable(d *beneath.Dir, names ...string) error {
	for _, name := range names {
		info, err := os.Stat(filepath.Join(d.Path(), name)) // in a tree with links that stay in it
		if err == nil && (info.IsDir() || info.Mode()&0o100 == 0) {
			return failed(Author, "buildpack/not-executable", fmt.Errorf("its %s is not executable", name),
				fmt.Sprintf("`chmod +x %s` in the buildpack, and commit that", name))
		}
		if errors.Is(err, fs.ErrNotExist) && has(d, name) {
			return failed(Author, "buildpack/not-executable", fmt.Errorf("its %s is a link to nothing", name),
				"let the link lead to the program")
		}
	}
	return nil
}

// errMalformed is the error for a buildpack.toml that cannot be used.
func errMalformed(err error) error {
	return failed(Author, "buildpack/descriptor-malformed", fmt.Errorf("reading its buildpack.toml: %w", err),
		"see the Buildpack Interface Specification for buildpack.toml, or take another release")
}

// errNone is the error for a tree without a buildpack. It names what there is.
func errNone(d *beneath.Dir) error {
	if has(d, "extension.toml") {
		return failed(Author, "buildpack/extension", errors.New("it is an image extension (extension.toml)"),
			"extensions change the image that a build runs in, and slugc has none: name a buildpack")
	}
	what, hint := "it has no bin/build and no bin/compile", "name a directory or an archive that holds a buildpack"
	for _, source := range []string{"Cargo.toml", "go.mod"} {
		if has(d, source) {
			what += fmt.Sprintf(": it has the source of one (%s), not what its authors make of it", source)
			hint = "name a release: a .cnb or .tgz, or the image by docker://"
			break
		}
	}
	return failed(Author, "buildpack/no-programs", errors.New(what), hint)
}

// firstLine is an error with the first line of its text.
func firstLine(err error) error {
	line, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "toml: "), "\n")
	return errors.New(line)
}
