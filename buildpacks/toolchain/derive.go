package toolchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

// derivedDir is where a tree keeps what was derived from it: inside, to be measured, moved and
// removed with its tree. Tools do not look there, and whoever copies a tree leaves it out.
const derivedDir = ".derived"

// InputsName is the file at the root of a derived directory in which its maker lists, as a JSON array
// of absolute paths, the files of the machine that it was made from. The store takes the file out, and
// makes the directory again when one of those files has changed.
const InputsName = ".inputs.json"

var derivedName = lazyregexp.New(`^[a-z0-9][a-z0-9-]{0,99}$`)

// Derived returns a directory that was made from a toolchain of the store and from nothing of an app,
// so that all apps may share it, for example its compiled standard library. name (a-z, 0-9 and "-")
// distinguishes it from others of the same toolchain, and must state what else decides its content.
//
// Where the directory is missing, or is no longer what its manifest says, make fills dir, an empty
// directory whose parent is the store's own, and may take its time; then dir is put in place by one
// rename. Of all goroutines and processes that ask at the same time, one makes it and the others wait
// for it, or for ctx; wait, which may be nil, is called before. When make fails, its error is
// returned, nothing is left, and the next who waits tries. What a killed make has left is removed by
// [Open]. While make runs, [Store.Prune] leaves the toolchain alone.
//
// For a toolchain that is not in the store ("this machine") it returns "" and no error, and so it does if make
// is nil and the directory is missing.
func (l *Lease) Derived(
	ctx context.Context,
	t Toolchain,
	name string,
	wait func(),
	make func(ctx context.Context, dir string) error,
) (string, error) {
	failed := func(err error) error {
		return fmt.Errorf("deriving %q from %s %s: %w", name, t.Tool, t.Version, err)
	}
	if !derivedName.MatchString(name) {
		return "", failed(errors.New("that is not a valid name"))
	}
	tree := l.st.tree(t.Tool, t.Version)
	if filepath.Clean(t.Dir) != tree {
		return "", nil
	}
	id := l.st.id(t.Tool, t.Version)
	if err := l.hold(ctx, id, nil); err != nil {
		return "", err
	}
	if err := l.st.present(t.Tool, t.Version); err != nil {
		return "", failed(err)
	}
	d := derivation{
		id: id + derivedMark + name, place: filepath.Join(tree, derivedDir, name), make: make,
		wait: sync.OnceFunc(func() {
			if wait != nil {
				wait()
			}
		}),
	}
	err := errPruned
	for range maxTries {
		var found bool
		if found, err = l.findDerived(ctx, d); found || err != nil {
			break
		}
		if make == nil {
			return "", nil
		}
		if err = l.derive(ctx, d); err != nil {
			break
		}
		err = errPruned
	}
	switch {
	case err == nil:
		return d.place, nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	}
	return "", failed(err)
}

// derivation is one directory to be derived.
type derivation struct {
	id, place string
	wait      func()
	make      func(ctx context.Context, dir string) error
}

// findDerived reports whether a directory is there and whole, and holds it then.
func (l *Lease) findDerived(ctx context.Context, d derivation) (bool, error) {
	if err := l.hold(ctx, d.id, d.wait); err != nil {
		return false, err
	}
	if isDir(d.place) {
		err := l.check(ctx, d.id, d.place)
		if err == nil {
			l.st.mark(d.id)
			return true, nil
		}
		if _, ok := errors.AsType[*unsoundError](err); !ok {
			return false, err
		}
	}
	l.drop(d.id)
	return false, nil
}

// derive makes a directory, unless another process has made it meanwhile.
func (l *Lease) derive(ctx context.Context, d derivation) error {
	made := func() error {
		if !isDir(d.place) {
			return fs.ErrNotExist
		}
		_, err := l.st.check(ctx, d.id, d.place)
		return err
	}
	unlock, err := l.st.lockUnless(ctx, d.id, d.wait, func() bool { return made() == nil })
	if err != nil || unlock == nil {
		return err
	}
	defer unlock()
	if err := made(); !errors.Is(err, fs.ErrNotExist) || isDir(d.place) {
		why, ok := errors.AsType[*unsoundError](err)
		if !ok {
			return err
		}
		if why.damage != nil {
			l.p.Note(fmt.Sprintf("%s in the toolchain store is made again, because %s", d.id, why))
		}
		if err := l.st.remove(d.id, d.place); err != nil {
			return err
		}
	}
	return l.st.makeDerived(ctx, d)
}

// makeDerived makes a directory in staging and puts it in its place.
func (st *Store) makeDerived(ctx context.Context, d derivation) error {
	staging := filepath.Join(st.dir, stagingDir, d.id)
	if err := disk.RemoveAll(staging); err != nil {
		return err
	}
	if err := os.Mkdir(staging, 0o755); err != nil {
		return err
	}
	defer disk.RemoveAll(staging)
	if err := d.make(ctx, staging); err != nil {
		return err
	}
	inputs, err := takeInputs(staging)
	if err == nil {
		err = st.seal(ctx, d.id, staging, inputs...)
	}
	if err == nil {
		err = moveInto(staging, d.place)
	}
	if err != nil {
		return fmt.Errorf("keeping what was made: %w", err)
	}
	return nil
}

// takeInputs reads and removes the list of the files that a directory was made from.
func takeInputs(dir string) (inputs []string, err error) {
	name := filepath.Join(dir, InputsName)
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &inputs)
	}
	return inputs, errors.Join(err, os.Remove(name))
}

func isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}
