package source

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"slugc/cache/digest"
	"slugc/compiler/fault"
	"slugc/detect"
)

// selects asks Spec.Select what is to be staged; nil for the app alone.
func (s *Source) selects(spec Spec, around fs.FS, member string) (err error) {
	s.taken, err = spec.Select(around, path.Clean(member))
	return err
}

// member returns where the app is in its work tree, or in the source if that is more.
func (d *directory) member() string {
	if d.inTree() {
		return strings.TrimSuffix(d.tree.above, "/")
	}
	return d.sub
}

// inTree reports whether the work tree has more around the app than the source.
func (d *directory) inTree() bool { return d.tree != nil && len(d.tree.above) > len(d.sub) }

// widen makes d the root of what Spec.Select chooses, if it is not the app alone.
func (s *Source) widen(spec Spec, d *directory) error {
	if spec.Select == nil || path.Clean(d.member()) == "." {
		return nil
	}
	base := d.outer.Name()
	if d.inTree() {
		base = d.tree.root
	}
	outer, err := os.OpenRoot(base)
	if err != nil {
		return fmt.Errorf("opening source: %w", err)
	}
	err = s.selects(spec, aroundDir{outer}, d.member())
	_ = outer.Close()
	if err != nil || s.taken == nil {
		return err
	}
	sub := subOf(s.taken.Root)
	wide, err := openApp(base, sub)
	if err != nil {
		return err
	}
	if err := d.close(); err != nil {
		return err
	}
	d.root, d.outer, d.sub, d.taken = wide.root, wide.outer, wide.sub, s.taken
	if d.tree != nil {
		d.tree = findWorkTree(filepath.Join(base, filepath.FromSlash(sub)), spec.Env)
	}
	return nil
}

// Holds reports whether a directory of this machine, by its path without links, is in what was selected of a
// directory. It is false for the app alone and for other kinds of sources.
func (s *Source) Holds(path string) bool {
	d, ok := s.origin.(*directory)
	if !ok || s.taken == nil {
		return false
	}
	root, err := filepath.EvalSymlinks(filepath.Join(d.outer.Name(), filepath.FromSlash(d.sub)))
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(rel) && s.taken.Takes(filepath.ToSlash(rel), true)
}

// subOf returns a directory of the source as Spec.Subdir names it.
func subOf(dir string) string {
	if dir == "." {
		return ""
	}
	return dir
}

// memberDigest is the digest of a tree of which one directory is the app.
func memberDigest(tree digest.Digest, member string) digest.Digest {
	h := sha256.New()
	fmt.Fprintf(h, "slugc member 1\n%s\n%s\n", tree, member)
	return digest.Sum(h)
}

// hasMember returns an error if nothing of the app is in the tree.
func (s *Source) hasMember() error {
	for _, e := range s.entries {
		if strings.HasPrefix(e.path, s.Member()+"/") {
			return nil
		}
	}
	return fault.AppError("source/subdir-missing",
		fmt.Errorf("opening subdirectory %q: %s leaves all of it out", s.taken.Member, ignoreFile),
		"list in .slugignore of the directories above only what no app in the repository needs",
	).At("%s", path.Join(s.taken.Root, ignoreFile))
}

// mayMiss reports whether a link in the tree may lead to a place of the source that is not selected, by its text.
func mayMiss(taken *detect.Selection, name, target string) bool {
	return taken != nil && !path.IsAbs(target) && !taken.Takes(path.Join(path.Dir(name), target), true)
}

// takes reports whether a file or directory of the source is in the tree.
func takes(taken *detect.Selection, name string, dir bool) bool {
	if taken == nil || taken.Root != "." && !strings.HasPrefix(name, taken.Root+"/") {
		return false
	}
	if taken.Root != "." {
		name = name[len(taken.Root)+1:]
	}
	return taken.Takes(name, dir)
}

// errStays is the error for a link that stays one: what it leads to is in the tree, or it leads to nothing.
var errStays = errors.New("it stays a link")

// errAbsent is the error for a link that leads to nothing in the source.
var errAbsent = errors.New("which is not in the source")
