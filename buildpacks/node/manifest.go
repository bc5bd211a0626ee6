package node

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
)

// entry is what stat tells of a file. Two equal entries, taken at different times, mean that nobody
// has written to the file in between: ctime cannot be set. Of a directory only path and mode count:
// its files have entries of their own, and renaming the top changes its times.
type entry struct {
	path         string
	mode         uint32 // st_mode
	size         int64
	mtime, ctime int64 // nanoseconds
	ino          uint64
	link         string
}

func (e entry) isDir() bool { return e.mode&unix.S_IFMT == unix.S_IFDIR }

// manifest is a directory tree as stats: its directories, sorted by path, the tree itself as ".".
type manifest []listing

// listing is one directory of a manifest. A dependency tree has tens of thousands of files, so their stats are
// packed: two listings of equal bytes are equal.
type listing struct {
	dir    string
	packed []byte // its entries, sorted by name
}

// takeManifest reads dir, a few directories at a time. What is no directory is a manifest of itself. skip leaves
// out a slash-separated path relative to dir with all below it; nil skips nothing. It is called concurrently.
func takeManifest(dir string, skip func(rel string) bool) (manifest, error) {
	m, err := readManifest(dir, skip)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", dir, err)
	}
	slices.SortFunc(m, func(a, b listing) int { return cmp.Compare(a.dir, b.dir) })
	return m, nil
}

func readManifest(dir string, skip func(rel string) bool) (manifest, error) {
	// The parent may be closed to a sandboxed build, so the tree is opened by its path.
	var own unix.Stat_t
	if err := unix.Lstat(dir, &own); err != nil {
		return nil, err
	}
	// The tree's own entry is in the listing of nothing, which sorts first.
	m := manifest{{packed: appendEntry(nil, ".", &own, "")}}
	if !beneath.IsDir(own) {
		return m, nil
	}
	top, err := beneath.Open(dir)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	var mu sync.Mutex
	err = top.Scan(".", func(l *beneath.Listing) error {
		if skip != nil {
			skipped := func(e beneath.Entry) bool { return skip(path.Join(l.Path, e.Name)) }
			l.Entries = slices.DeleteFunc(l.Entries, skipped)
		}
		packed, err := pack(l)
		mu.Lock()
		defer mu.Unlock()
		m = append(m, listing{l.Path, packed})
		return err
	})
	return m, err
}

// pack returns the entries of a directory as they are kept.
func pack(l *beneath.Listing) (packed []byte, err error) {
	size := 0
	for i := range l.Entries {
		size += entryHead + len(l.Entries[i].Name)
	}
	packed = make([]byte, 0, size)
	for i := range l.Entries {
		e, link := &l.Entries[i], ""
		if e.Mode&unix.S_IFMT == unix.S_IFLNK {
			if link, err = l.Readlink(e.Name); err != nil {
				return nil, err
			}
		}
		packed = appendEntry(packed, e.Name, &e.Stat_t, link)
	}
	return packed, nil
}

// entryHead is how many bytes an entry has before its name and its link's target.
const entryHead = 4 + 4*8 + 2*2

// appendEntry appends a packed entry: numbers of fixed width, then the two texts.
func appendEntry(to []byte, name string, st *unix.Stat_t, link string) []byte {
	e := entry{mode: st.Mode}
	if !e.isDir() {
		e.size, e.mtime, e.ctime, e.ino = st.Size, st.Mtim.Nano(), st.Ctim.Nano(), st.Ino
	}
	to = binary.BigEndian.AppendUint32(to, e.mode)
	for _, n := range []uint64{uint64(e.size), uint64(e.mtime), uint64(e.ctime), e.ino} {
		to = binary.BigEndian.AppendUint64(to, n)
	}
	to = binary.BigEndian.AppendUint16(to, uint16(len(name)))
	to = binary.BigEndian.AppendUint16(to, uint16(len(link)))
	return append(append(to, name...), link...)
}

// entries yields the entries of a listing with their paths.
func (l listing) entries() []entry {
	var list []entry
	number := binary.BigEndian
	for p := l.packed; len(p) > 0; {
		name := p[entryHead:][:number.Uint16(p[36:])]
		link := p[entryHead+len(name):][:number.Uint16(p[38:])]
		list = append(list, entry{
			path: path.Join(l.dir, string(name)), mode: number.Uint32(p), link: string(link),
			size: int64(number.Uint64(p[4:])), mtime: int64(number.Uint64(p[12:])),
			ctime: int64(number.Uint64(p[20:])), ino: number.Uint64(p[28:]),
		})
		p = p[entryHead+len(name)+len(link):]
	}
	return list
}

// digest returns the manifest as one value, in hexadecimal.
func (m manifest) digest() string {
	h := sha256.New()
	var head []byte
	for _, l := range m {
		head = strconv.AppendQuote(head[:0], l.dir)
		h.Write(strconv.AppendInt(head, int64(len(l.packed)), 10))
		h.Write(l.packed)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// has reports whether the manifest names a path.
func (m manifest) has(rel string) bool {
	dir := path.Dir(rel)
	i, ok := slices.BinarySearchFunc(m, dir, func(l listing, dir string) int { return cmp.Compare(l.dir, dir) })
	return ok && slices.ContainsFunc(m[i].entries(), func(e entry) bool { return e.path == rel })
}

// changes returns the paths whose entries differ between m and later (written, made or removed), sorted. With
// untimed, change times alone are no difference: an equal chmod alters them too.
func (m manifest) changes(later manifest, untimed bool) []string {
	var paths []string
	both(m, later, func(l listing) string { return l.dir }, func(a, b listing) {
		if !bytes.Equal(a.packed, b.packed) {
			paths = append(paths, a.changes(b, untimed)...)
		}
	})
	slices.Sort(paths)
	return paths
}

// changes returns the paths that differ between two listings of a directory.
func (l listing) changes(later listing, untimed bool) (paths []string) {
	both(l.entries(), later.entries(), func(e entry) string { return e.path }, func(a, b entry) {
		if untimed {
			a.ctime, b.ctime = 0, 0
		}
		if a != b {
			paths = append(paths, cmp.Or(a.path, b.path))
		}
	})
	return paths
}

// both calls visit for each name that either of two lists has, which are sorted by it. What a list does not have
// is the zero value.
func both[T any](a, b []T, name func(T) string, visit func(a, b T)) {
	var none T
	for len(a) > 0 || len(b) > 0 {
		order := 0
		switch {
		case len(b) == 0:
			order = -1
		case len(a) == 0:
			order = 1
		default:
			order = cmp.Compare(name(a[0]), name(b[0]))
		}
		one, other := none, none
		if order <= 0 {
			one, a = a[0], a[1:]
		}
		if order >= 0 {
			other, b = b[0], b[1:]
		}
		visit(one, other)
	}
}

// packageOf names the package of a path inside a node_modules directory: ".bin/tsc" is of ".bin",
// "@scope/a/index.js" is of "@scope/a".
func packageOf(rel string) string {
	if at := strings.LastIndex("/"+rel, "/node_modules/"); at >= 0 {
		rel = rel[at+len("node_modules/"):]
	}
	parts := strings.SplitN(rel, "/", 3)
	if strings.HasPrefix(rel, "@") && len(parts) > 1 {
		return path.Join(parts[:2]...)
	}
	return parts[0]
}

// findTrees returns the node_modules directories of an app, the root's and its members' but not
// those inside another, sorted.
func findTrees(dir string, skip func(rel string) bool) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name != dir {
			return nil // a process that a script left behind has removed it meanwhile
		}
		if err != nil || !d.IsDir() || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if skip(rel) {
			return fs.SkipDir
		}
		if d.Name() == "node_modules" {
			found = append(found, rel)
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for node_modules: %w", err)
	}
	slices.Sort(found)
	return found, nil
}
