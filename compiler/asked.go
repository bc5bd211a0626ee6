package compiler

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/reference"
	"slugc/cache"
	"slugc/compiler/fault"
	"slugc/detect"
	"slugc/detect/descriptor"
)

// Asked is a buildpack that a build is asked to use.
type Asked struct {
	reference.Ref
	Optional bool
	inApp    bool // it is a part of the source
	inline   bool // it is a script there
}

// named are the buildpacks that the request or the app's files name.
type named struct{ pre, list, post []Asked }

// any reports whether a buildpack is named at all: without any, detection decides alone.
func (n named) any() bool { return len(n.pre)+len(n.list)+len(n.post) > 0 }

// named lists the buildpacks that are named. What the request names comes before what the files name. Without a list,
// the buildpacks of the language stand in its place.
func (b *build) named(s Staged, d Described) (n named, err error) {
	switch {
	case len(b.Buildpacks) > 0:
		n.list = b.Buildpacks
	case b.Env["SLUGC_BUILDPACK"] != "":
	default:
		if n.list, err = askedBy(s, d.Buildpacks); err != nil {
			return n, err
		}
		if len(n.list) > 0 {
			b.Report.Step("Buildpacks named in " + d.From)
		}
	}
	if n.pre, err = askedBy(s, d.Pre); err != nil {
		return n, err
	}
	n.post, err = askedBy(s, d.Post)
	return n, err
}

// askedByDetection lists the buildpacks of the language that is detected.
func (b *build) askedByDetection(ctx context.Context, files fs.FS, s Staged, d Described) (list []Asked, err error) {
	_, chosen, err := Detect(ctx, files, s.Member, b.env(d))
	for _, r := range chosen {
		list = append(list, Asked{Ref: reference.Ref{
			Kind: reference.Builtin, ID: string(r.Language), Text: string(r.Language),
		}})
	}
	return list, err
}

// askedBy reads the buildpacks that a file of the app names.
func askedBy(s Staged, uses []descriptor.Use) (list []Asked, err error) {
	for _, use := range uses {
		var a Asked
		if use.Script != nil {
			a, err = inline(s, use)
		} else {
			a, err = askedOf(s, use)
		}
		if err != nil {
			return nil, err
		}
		a.Optional = use.Optional
		list = append(list, a)
	}
	return list, nil
}

// inline makes the buildpack of a script in project.toml.
func inline(s Staged, use descriptor.Use) (Asked, error) {
	_, line, _ := strings.Cut(use.Place, ":")
	id := cmp.Or(use.ID, "inline/"+line)
	dir := filepath.Join(s.Dirs.Dir, "inline", cache.Key(id, use.Place)[:12])
	for name, file := range use.Script.Files(id, use.Version) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, file.Data, file.Mode)
		}
		if err != nil {
			return Asked{}, fmt.Errorf("making the buildpack of %s: %w", use.Place, err)
		}
	}
	ref := reference.Ref{Kind: reference.Directory, Text: use.Place, Path: dir}
	return Asked{Ref: ref, inApp: true, inline: true}, nil
}

// askedOf reads a buildpack that a file of the app names. A path is one in the source: the file may be a stranger's,
// and the builder machine is not his.
func askedOf(s Staged, use descriptor.Use) (Asked, error) {
	text := use.Ref
	if id, version, _ := strings.Cut(text, "@"); use.ID != "" && (text == "" || id == use.ID) {
		text = reference.Named(use.ID, version)
	}
	base := filepath.Join(s.Tree.Root, filepath.FromSlash(s.Member))
	if isPath(text) {
		if err := inSource(base, s.Tree.Root, text, use.Place); err != nil {
			return Asked{}, err
		}
	}
	ref, err := reference.Parse(text, base)
	if err != nil {
		f := fault.Of(ReferenceFault(fmt.Errorf("reading %s: %w", use.Place, err)))
		f.Owner, f.Code, f.Place = fault.App, fault.ExitDetect, use.Place
		return Asked{}, f
	}
	if ref.Local() && !within(s.Tree.Root, ref.Path) {
		return Asked{}, outside(text, use.Place)
	}
	return Asked{Ref: ref, inApp: ref.Local()}, nil
}

// isPath reports whether a reference can only be a path.
func isPath(text string) bool { return strings.HasPrefix(text, ".") || strings.HasPrefix(text, "/") }

// inSource refuses a path that leads out of the source or to nothing, without a look at what is outside.
func inSource(base, root, path, place string) error {
	full := filepath.Join(base, filepath.FromSlash(path))
	if filepath.IsAbs(path) || full != root && !strings.HasPrefix(full, root+"/") {
		return outside(path, place)
	}
	if _, err := os.Lstat(full); err != nil {
		return detectFault(&detect.Error{
			ID: "buildpack/not-found", Place: place,
			Summary: fmt.Sprintf("%s names the buildpack %q, which the source does not have", place, path),
			Hints:   []string{"commit the buildpack, or correct the path: it is relative to the app"},
		})
	}
	return nil
}

func outside(path, place string) error {
	return detectFault(&detect.Error{
		ID: "buildpack/outside", Place: place,
		Summary: fmt.Sprintf("%s names the buildpack %q, which is outside of the source", place, path),
		Hints: []string{
			"name a directory of the source, an address or an image",
			"or name it with --buildpack: who builds may use any directory of the machine",
		},
	})
}

// within reports whether a path leads to something in a directory, all links followed.
func within(dir, path string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil || path == "" {
		return false
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return false
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
