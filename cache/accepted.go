package cache

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
	"slugc/cache/digest"
)

// A push works on the very files of the last accepted build: a copy of them would cost each push more than all
// else that slugc does, and hard links would share their content. When the push is not accepted, what it has
// done is taken back file by file. That is sound because of two rules of the kernel (inode(7), rename(2)): a
// change of a file's content, mode, owner, links or name sets its change time, and no program can set that to
// another time. So a file with an older change time, in the directories that were there before, is the file
// that was accepted. What the push has added goes. What it has changed or removed cannot come back: a layer
// that lacks anything goes too, unless each of its files stands for itself ([Build].Independent).

// markedDir is a directory of a layer, before a build.
type markedDir struct {
	Inode uint64 `json:"inode"`
	Mode  uint32 `json:"mode"`
	Owner string `json:"owner"`
	Files string `json:"files"` // digest of the names and inodes of all files and links in it
	Dirs  int    `json:"dirs"`  // how many directories are right in it
}

// markedTree is all directories of a layer by path, its own as ".".
type markedTree map[string]markedDir

// describe returns what is kept of a directory and its entries.
func describe(dir unix.Stat_t, entries []beneath.Entry) markedDir {
	var files strings.Builder
	dirs := 0
	for _, e := range entries {
		if beneath.IsDir(e.Stat_t) {
			dirs++
		} else {
			files.WriteString(e.Name + "\x00" + strconv.FormatUint(e.Ino, 10) + "\n")
		}
	}
	return markedDir{
		Inode: dir.Ino, Mode: dir.Mode, Files: digest.Of([]byte(files.String())).Hex(), Dirs: dirs,
		Owner: strconv.FormatUint(uint64(dir.Uid), 10) + ":" + strconv.FormatUint(uint64(dir.Gid), 10),
	}
}

// readTree lists the directories of a layer.
func readTree(layers *beneath.Dir, layer string) (markedTree, error) {
	tree := markedTree{}
	var read func(below string) error
	read = func(below string) error {
		name := path.Join(layer, below)
		s, err := layers.Lstat(name)
		if err != nil {
			return err
		}
		entries, err := layers.ReadDir(name)
		if err != nil {
			return err
		}
		tree[below] = describe(s, entries)
		for _, e := range entries {
			if beneath.IsDir(e.Stat_t) {
				err = errors.Join(err, read(path.Join(below, e.Name)))
			}
		}
		return err
	}
	return tree, read(".")
}

// takesBack takes back what a push has done to a layer, and reports whether the layer serves later builds.
func (m *mark) takesBack(layers *beneath.Dir, layer string, pack markedPack) bool {
	was, known := pack.Trees[path.Base(layer)]
	if !known {
		return false
	}
	whole, err := m.takeBack(layers, layer, was)
	if err != nil || whole {
		return err == nil
	}
	s, err := layers.Lstat(layer)
	return err == nil && beneath.IsDir(s) && pack.Independent[path.Base(layer)]
}

// takeBack removes from a layer all that is not as it was accepted, and reports whether nothing is missing.
func (m *mark) takeBack(layers *beneath.Dir, layer string, was markedTree) (whole bool, err error) {
	var clean func(below string) (bool, error)
	clean = func(below string) (bool, error) {
		name, want := path.Join(layer, below), was[below]
		s, err := layers.Lstat(name)
		if err != nil {
			return false, err
		}
		entries, err := layers.ReadDir(name)
		if err != nil || !m.sameDir(layers, name, s, want) {
			return false, layers.RemoveAll(name)
		}
		whole := true
		var kept []beneath.Entry
		for _, e := range entries {
			at := path.Join(below, e.Name)
			_, known := was[at]
			switch isDir := beneath.IsDir(e.Stat_t); {
			case isDir && known:
				all, errBelow := clean(at)
				whole, err = whole && all, errors.Join(err, errBelow)
			case isDir || unix.TimespecToNsec(e.Ctim) >= m.Time:
				err = errors.Join(err, layers.RemoveAll(path.Join(layer, at)))
				continue
			}
			kept = append(kept, e)
		}
		return whole && describe(s, kept) == want, err
	}
	return clean(".")
}

// sameDir reports whether a directory is the one that was there, as it was but for its entries.
func (m *mark) sameDir(layers *beneath.Dir, name string, now unix.Stat_t, was markedDir) bool {
	d := describe(now, nil)
	if d.Inode != was.Inode || d.Mode != was.Mode || d.Owner != was.Owner {
		return false
	}
	// An access list would decide about the modes of later files.
	return unix.TimespecToNsec(now.Ctim) < m.Time || !layers.HasAccessList(name)
}
