package compiler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"slugc/cache"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/source"
)

// Staged is a private copy of the source and the directories of its build. The copy is
// Dirs.AppDir.
type Staged struct {
	Tree   *source.Tree
	Dirs   *cache.Build
	Member string // the app's directory in the copy, slash-separated; "" for all of it
	// CommitCounts reports whether the slug may depend on the commit, not only on the tree. It waits for a
	// search of the tree, which must have ended before anything of the app runs.
	CommitCounts func() (bool, error)
}

// stage makes the private copy of the source.
func (b *build) stage(ctx context.Context, src *source.Source) (Staged, error) {
	if err := refuseReserved(src); err != nil {
		return Staged{}, err
	}
	dirs, err := b.app().Begin(b.Fresh)
	if err != nil {
		return Staged{}, err
	}
	dirs.Push, dirs.Independent = b.Push, lifecycle.IndependentFiles
	ctx, end := b.bounded(ctx)
	tree, err := src.Stage(ctx, dirs.AppDir)
	if err = end("copying the source", err); err != nil {
		return Staged{}, errors.Join(err, dirs.Abort())
	}
	if taken := src.Selection(); taken != nil {
		b.Report.Step(taken.Text())
	}
	if tree.LeftOut != "" {
		b.Report.Step(tree.LeftOut)
	}
	for _, w := range tree.Warnings {
		b.Report.Warn(w)
	}
	counts := sync.OnceValues(func() (bool, error) { return b.commitCounts(src, tree.Root) })
	go func() { _, _ = counts() }()
	b.clock.mark("stage")
	return Staged{tree, dirs, src.Member(), counts}, nil
}

// reservedNames are what slugc itself puts into the app directory.
var reservedNames = []string{".layers", ".slugc"}

// refuseReserved refuses a source that holds a reserved name, in any case: some file systems make no
// difference. Nothing of such a source may be staged where the app's own state lies.
func refuseReserved(src *source.Source) error {
	for _, name := range src.Top() {
		if slices.ContainsFunc(reservedNames, func(own string) bool { return strings.EqualFold(own, name) }) {
			return fault.AppError("source/reserved-name",
				fmt.Errorf("staging the source: %q is slugc's own name", name),
				fmt.Sprintf("rename %s or list it in .slugignore", name)).At("%s", name)
		}
	}
	return nil
}

// abandon ends a build that did not succeed, and returns its error. A machine that keeps slugc from its own
// files now probably did so before: that explains what is not the app's fault.
func (b *build) abandon(staged Staged, failed error) error {
	err := staged.Dirs.Abort()
	if err == nil {
		return failed
	}
	err = fmt.Errorf("cleaning up after the failed build: %w", err)
	if failed != nil && !disk.Damaged(err) && fault.Of(failed).Owner == fault.Slugc {
		return fmt.Errorf("%w; before that: %v", err, failed)
	}
	b.Report.Warn(err.Error())
	return failed
}
