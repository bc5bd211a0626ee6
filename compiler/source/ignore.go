package source

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"slugc/compiler/fault"
	"slugc/detect/ignore"
)

// ignoreFile names the file with the ignore rules.
const ignoreFile = ".slugignore"

// errNotRegular is the error for a .slugignore or .gitmodules that is not a regular file. A link
// could lead anywhere.
func errNotRegular(name string) error {
	return fault.AppError("source/entry-refused", fmt.Errorf("reading %q: it is not a regular file", name),
		"make it a regular file, or remove it").At("%s", name)
}

// parseIgnore reads the content of a .slugignore.
func parseIgnore(content []byte) (ignore.Rules, error) {
	rules, err := ignore.Parse(content)
	if err != nil {
		return nil, errIgnore(err)
	}
	return rules, nil
}

// ignoring are the rules of a tree: those of its root, and in the app's directory, where that is not the root, the
// app's own.
type ignoring struct {
	root, own ignore.Rules
	member    string // the app's directory with a slash at the end; "" for the root
}

func (i ignoring) ignored(name string, dir bool) bool {
	in, below := strings.CutPrefix(name, i.member)
	return i.root.Ignored(name, dir) || i.member != "" && below && i.own.Ignored(in, dir)
}

func (i ignoring) err() error { return cmp.Or(i.root.Err(), i.own.Err()) }

// ignoringTree decides by the same rules on whole paths.
type ignoringTree struct {
	root, own *ignore.Tree
	member    string
}

func newIgnoringTree(i ignoring) *ignoringTree {
	return &ignoringTree{ignore.NewTree(i.root), ignore.NewTree(i.own), i.member}
}

// file reports whether a file, or a directory above it, is ignored; dir the same of a directory.
func (t *ignoringTree) file(name string) bool {
	in, below := strings.CutPrefix(name, t.member)
	return t.root.Ignored(name) || t.member != "" && below && t.own.Ignored(in)
}

func (t *ignoringTree) dir(name string) bool {
	in, below := strings.CutPrefix(name, t.member)
	return t.root.Dir(name) || t.member != "" && below && t.own.Dir(in)
}

func (t *ignoringTree) err() error { return cmp.Or(t.root.Err(), t.own.Err()) }
func (t *ignoringTree) count() int { return t.root.Count() + t.own.Count() }

// errIgnore is the fault of a .slugignore that is too large, or costs too much.
func errIgnore(err error) error {
	place := ignoreFile
	if limit, ok := errors.AsType[*ignore.LimitError](err); ok && limit.Line > 0 {
		place = fmt.Sprintf("%s:%d", ignoreFile, limit.Line)
	}
	return fault.AppError("source/too-large", fmt.Errorf("reading %q: %w", ignoreFile, err),
		"write fewer and shorter patterns: one for a directory rather than one for each file").At("%s", place)
}
