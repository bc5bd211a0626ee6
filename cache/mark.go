package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
	"slugc/cache/disk"
)

// mark is what an app's state was before the current build ran anything: ‹app›/begun/. It is there from
// Restore to Commit; for a push, until the push is accepted.
type mark struct {
	// Push is the id of the push that the build belongs to, "" if it belongs to none.
	Push string `json:"push,omitempty"`
	// Time is when the build began, by the file system's clock, in Unix nanoseconds. What the build has
	// changed since has a change time that is not before: no program can set that.
	Time   int64                 `json:"time"`
	Inode  uint64                `json:"inode"`  // of the layers directory
	Born   int64                 `json:"born"`   // when the layers directory was made, Unix nanoseconds
	Layers map[string]markedPack `json:"layers"` // by buildpack

	finished map[string]map[string]bool // what the build has finished: layers by buildpack
	changed  changedFiles               // what the build has changed, as far as is known
	sizes    layerSizes                 // of what [mark.secure] has walked
}

// markedPack is one buildpack's layers directory.
type markedPack struct {
	Inode uint64            `json:"inode"`
	Dirs  map[string]bool   `json:"dirs"`  // layers with files
	Files map[string][]byte `json:"files"` // metadata: ‹layer›.toml, store.toml
	// Trees are the layers with files and their directories, for the build of a push; Independent are those
	// whose files each stand for themselves.
	Trees       map[string]markedTree `json:"trees,omitempty"`
	Independent map[string]bool       `json:"independent,omitempty"`
}

// The files of a mark.
const (
	begunDir  = "begun"
	markFile  = "mark.json"
	oldRecord = "record.json" // hard links: both files are replaced, never written
	oldIndex  = "index"
	indexPath = "segments/index"
)

// maxMetadata bounds one file of a layer's metadata. A larger one is not kept.
const maxMetadata = 4 << 20

// writeMark records the app's state before the build of a push, or of none. layers is the app's layers
// directory.
func (a *App) writeMark(push string, layers *beneath.Dir, independent func([]byte) bool) error {
	m := mark{Push: push, Layers: map[string]markedPack{}}
	s, err := layers.Stat()
	if err != nil {
		return err
	}
	m.Inode, m.Born = s.Ino, layers.Born()
	if err := m.readMetadata(layers); err != nil {
		return err
	}
	if push != "" {
		m.readTrees(layers, independent)
	}
	stage := a.Path("." + begunDir)
	if err := errors.Join(disk.RemoveAll(stage), os.Mkdir(stage, 0o700)); err != nil {
		return err
	}
	if push != "" {
		err := errors.Join(linkIfThere(a.Path(recordFile), filepath.Join(stage, oldRecord)),
			linkIfThere(a.Path(indexPath), filepath.Join(stage, oldIndex)))
		if err != nil {
			return err
		}
	}
	// The time is taken last: what slugc itself changed before does not count.
	info, err := os.Stat(stage)
	if err != nil {
		return err
	}
	m.Time = changeTime(info)
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := disk.WriteFile(filepath.Join(stage, markFile), data, 0o600); err != nil {
		return err
	}
	if err := os.Rename(stage, a.Path(begunDir)); err != nil {
		return err
	}
	return disk.SyncDir(a.dir)
}

// changeTime is a file's change time in Unix nanoseconds.
func changeTime(info fs.FileInfo) int64 {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.ModTime().UnixNano()
	}
	return s.Ctim.Nano()
}

func linkIfThere(from, to string) error {
	if err := os.Link(from, to); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readMetadata reads the metadata of all layers.
func (m *mark) readMetadata(layers *beneath.Dir) error {
	packs, err := layers.ReadDir(".")
	if err != nil {
		return err
	}
	for _, p := range packs {
		if !beneath.IsDir(p.Stat_t) {
			continue
		}
		entries, err := layers.ReadDir(p.Name)
		if err != nil {
			return err
		}
		pack := markedPack{Inode: p.Ino, Dirs: map[string]bool{}, Files: map[string][]byte{}}
		for _, e := range entries {
			if beneath.IsDir(e.Stat_t) {
				pack.Dirs[e.Name] = true
			} else if strings.HasSuffix(e.Name, tomlSuffix) {
				if data, err := layers.ReadFile(path.Join(p.Name, e.Name), maxMetadata); err == nil {
					pack.Files[e.Name] = data
				}
			}
		}
		m.Layers[p.Name] = pack
	}
	return nil
}

// readTrees lists the directories of all layers. A layer that cannot be listed is not kept.
func (m *mark) readTrees(layers *beneath.Dir, independent func([]byte) bool) {
	for name, pack := range m.Layers {
		pack.Trees, pack.Independent = map[string]markedTree{}, map[string]bool{}
		for layer := range pack.Dirs {
			if tree, err := readTree(layers, path.Join(name, layer)); err == nil {
				pack.Trees[layer] = tree
			}
			if metadata := pack.Files[layer+tomlSuffix]; independent != nil && independent(metadata) {
				pack.Independent[layer] = true
			}
		}
		m.Layers[name] = pack
	}
}

// readMark returns the mark, nil if there is none.
func (a *App) readMark() (*mark, error) {
	data, err := os.ReadFile(a.Path(begunDir, markFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what a build has begun: %w", err)
	}
	m := &mark{}
	if json.Unmarshal(data, m) != nil {
		return &mark{Push: "unknown"}, nil // a damaged one: nothing is as it was
	}
	return m, nil
}

// dropMark removes the mark in one step.
func (a *App) dropMark() error { return disk.Discard(a.Path(begunDir)) }

// Accept ends the probation of what the build of a push left: later builds use it. The id is the one that
// [Build].Push had. If the state has been put back meanwhile, or belongs to another build, nothing happens.
// The app's lock need not be held.
func (a *App) Accept(push string) error {
	m, err := a.readMark()
	if m == nil || err != nil || m.Push != push {
		return err
	}
	return a.dropMark()
}

// touched reports whether the build may have changed anything at name in the layers directory.
func (m *mark) touched(layers *beneath.Dir, name string) bool {
	return m.eachChanged(layers, name, func(string, *unix.Stat_t) error { return errTouched }) != nil
}

var errTouched = errors.New("changed by the build")
