package cache

import (
	"errors"
	"os"
	"path"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
	"slugc/cache/disk"
)

// changedFiles are files and directories that a build has changed, below the layers directory.
type changedFiles []string

// maxSynced is how many changed files are synced one by one. For more, the whole file system is.
const maxSynced = 32

// secureAll takes from all files that the build has written the rights that outlive a sandbox. A layer
// that cannot be walked, such as one that is nested too deep, is removed.
func (m *mark) secureAll(layers *beneath.Dir) (changed changedFiles, err error) {
	packs, err := layers.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, p := range packs {
		more, errPack := m.secure(layers, p.Name)
		changed, err = append(changed, more...), errors.Join(err, errPack)
	}
	return changed, err
}

// secure does what secureAll does for one buildpack's layers.
func (m *mark) secure(layers *beneath.Dir, pack string) (changed changedFiles, err error) {
	err = m.eachChanged(layers, pack, func(name string, s *unix.Stat_t) error {
		kind := s.Mode & unix.S_IFMT
		if kind != unix.S_IFREG && kind != unix.S_IFDIR {
			return nil
		}
		changed = append(changed, name)
		if kind == unix.S_IFREG && s.Mode&(unix.S_ISUID|unix.S_ISGID|0o111) != 0 {
			return layers.DropPrivileges(name, *s)
		}
		return nil
	})
	if err != nil {
		return nil, layers.RemoveAll(pack)
	}
	return changed, nil
}

// eachChanged calls fn, one call at a time and in no order, for what the build may have changed of name in the
// layers directory and all below it. An error of fn ends the search.
func (m *mark) eachChanged(layers *beneath.Dir, name string, fn func(name string, s *unix.Stat_t) error) error {
	own, err := layers.Lstat(name)
	if err == nil && unix.TimespecToNsec(own.Ctim) >= m.Time {
		err = fn(name, &own)
	}
	if err != nil || !beneath.IsDir(own) {
		return err
	}
	var mu sync.Mutex
	return layers.Scan(name, func(l *beneath.Listing) error {
		if m.sizes != nil {
			mu.Lock()
			m.sizes.addAll(l)
			mu.Unlock()
		}
		for i := range l.Entries {
			e := &l.Entries[i]
			if unix.TimespecToNsec(e.Ctim) < m.Time {
				continue
			}
			mu.Lock()
			err := fn(path.Join(l.Path, e.Name), &e.Stat_t)
			mu.Unlock()
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// sync makes the changed files durable. dir is a directory of slugc's own on their file system.
func (c changedFiles) sync(layers *beneath.Dir, dir string) error {
	if len(c) == 0 {
		return nil
	}
	if len(c) > maxSynced {
		return disk.SyncFileSystem(dir)
	}
	var group errgroup.Group
	for _, name := range c {
		group.Go(func() error {
			fd, err := layers.OpenFd(name, unix.O_RDONLY)
			if err != nil {
				return err
			}
			f := os.NewFile(uintptr(fd), name)
			return errors.Join(f.Sync(), f.Close())
		})
	}
	if group.Wait() != nil {
		return disk.SyncFileSystem(dir) // a file that its owner may not read, for one
	}
	return nil
}
