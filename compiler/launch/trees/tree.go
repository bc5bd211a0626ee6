package trees

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/cache/digest"
	"slugc/cache/disk"
)

// The names in the directory of a tree.
const (
	keptName     = "kept"
	appName      = "app"
	manifestName = "manifest"
	aboutName    = "about.json"
)

// about says what a tree is.
type about struct {
	Key     string        `json:"key"`
	Section string        `json:"section"` // the name that it had first
	Digest  digest.Digest `json:"digest"`
	Size    int64         `json:"size"`           // bytes of tar
	Boot    string        `json:"boot,omitempty"` // of the kernel, unless the tree was synced
}

// tree is one tree that this process has locked, or is about to.
type tree struct {
	store    *Store
	key      string
	about    about
	lock     *os.File // the directory, with a flock
	man      *manifest.Manifest
	finished bool
}

func (t *tree) dir() string     { return t.store.path(t.key) }
func (t *tree) keptDir() string { return filepath.Join(t.dir(), keptName) }
func (t *tree) appDir() string  { return filepath.Join(t.keptDir(), appName) }

// errDamaged is wrapped by the error for a tree that is not what it should be.
var errDamaged = errors.New("it is damaged")

// acquireTries bounds how often a tree is looked at again because it was damaged or removed.
const acquireTries = 8

// acquire locks the tree. If it is whole, the lock is shared; otherwise it is exclusive, and the tree is to be
// unpacked and finished.
func (t *tree) acquire(ctx context.Context) (whole bool, err error) {
	for range acquireTries {
		if whole, err = t.acquireWhole(ctx); whole || err != nil {
			return whole, err
		}
		if t.lock, err = t.store.lock(ctx, t.key, unix.LOCK_EX); err != nil {
			return false, err
		}
		if _, err := os.Lstat(filepath.Join(t.dir(), aboutName)); errors.Is(err, fs.ErrNotExist) {
			return false, errors.Join(disk.RemoveAll(t.keptDir()), os.Mkdir(t.keptDir(), 0o755))
		}
		t.unlock() // another process has finished it just now
	}
	return false, fmt.Errorf("unpacking section %q: other processes remove it again and again", t.about.Section)
}

// acquireWhole locks the tree if it is whole. One that is damaged it moves out of the way.
func (t *tree) acquireWhole(ctx context.Context) (whole bool, err error) {
	if t.lock, err = t.store.lock(ctx, t.key, unix.LOCK_SH); err != nil {
		return false, err
	}
	err = t.check(ctx, manifest.ByStat)
	if err == nil {
		t.finished = true
		now := time.Now()
		_ = os.Chtimes(filepath.Join(t.dir(), aboutName), now, now) // it only says when the tree was used
		return true, nil
	}
	if errors.Is(err, errDamaged) {
		_, err = t.store.retire(t.lock, t.key)
	}
	t.unlock()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // not made yet, or not finished
	}
	return false, err
}

// check compares a locked tree with its manifest. The error is [fs.ErrNotExist] for one that was not finished,
// and errDamaged for one that has changed or may not be on the disk.
func (t *tree) check(ctx context.Context, depth manifest.Depth) error {
	text, err := disk.ReadRegular(filepath.Join(t.dir(), aboutName), 1<<16)
	if err != nil {
		return err
	}
	var a about
	if err := json.Unmarshal(text, &a); err != nil || a.Key != t.key {
		return fmt.Errorf("%w: it does not say what it is", errDamaged)
	}
	if a.Boot != "" && a.Boot != boot() {
		return fmt.Errorf("%w: the machine has started again before it was on the disk", errDamaged)
	}
	if a.Boot != "" {
		depth = manifest.ByStat // nobody has read it yet
	}
	name := filepath.Join(t.dir(), manifestName)
	m, err := manifest.Read(name)
	if err == nil {
		err = m.Check(ctx, t.keptDir(), depth)
	}
	if _, changed := errors.AsType[*manifest.Damage](err); changed || err != nil && disk.Damaged(err) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err != nil {
		return err
	}
	t.about, t.man = a, m
	if m.Changed { // the state directory was copied: the files are whole, and have other inodes
		return m.Write(name)
	}
	return nil
}

// finish ends the unpacking of the tree, and shares its lock.
func (t *tree) finish(ctx context.Context) (err error) {
	if t.man, err = manifest.Stat(ctx, t.keptDir()); err != nil {
		return err
	}
	text, err := json.Marshal(t.about)
	if err != nil {
		return err
	}
	// Nothing is synced: the boot in t.about says that it counts until the next one only.
	if err := os.WriteFile(filepath.Join(t.dir(), manifestName), t.man.Encode(), 0o600); err != nil {
		return err
	}
	name := filepath.Join(t.dir(), aboutName)
	if err := errors.Join(os.WriteFile(name+".new", text, 0o600), os.Rename(name+".new", name)); err != nil {
		return err
	}
	t.finished = true
	// The kernel gives the lock up for a moment.
	if err := flock(t.lock, unix.LOCK_SH); err != nil {
		return err
	}
	if !isAt(t.lock, t.dir()) {
		return fmt.Errorf("unpacking section %q: another process has removed it", t.about.Section)
	}
	return nil
}

// settle notes that the tree is on the disk.
func (t *tree) settle() error {
	settled := t.about
	settled.Boot = ""
	text, err := json.Marshal(settled)
	if err == nil {
		err = t.man.Write(filepath.Join(t.dir(), manifestName))
	}
	if err == nil {
		err = disk.WriteFile(filepath.Join(t.dir(), aboutName), text, 0o600)
	}
	if err == nil {
		t.about = settled
	}
	return err
}

// release gives the tree back. One that was not finished goes.
func (t *tree) release() {
	if t.lock != nil && !t.finished {
		_ = disk.RemoveAll(t.dir())
	}
	t.unlock()
}

func (t *tree) unlock() {
	if t.lock != nil {
		_ = t.lock.Close()
	}
	t.lock = nil
}
