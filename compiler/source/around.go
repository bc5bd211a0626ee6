package source

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// aroundDir is a directory as Spec.Select reads it. Links are followed in it, and opening does not wait.
type aroundDir struct{ root *os.Root }

func (a aroundDir) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return a.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|unix.O_NONBLOCK, 0)
}

// aroundTree is a git tree as Spec.Select reads it. One git child answers all questions. It follows no links.
type aroundTree struct {
	root   string // the tree, or a commit
	width  int    // bytes of an object's id
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	cancel context.CancelFunc
}

// aroundTree starts git.
func (r *repository) aroundTree(ctx context.Context, root string) (*aroundTree, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd, _ := r.command(ctx, "cat-file", "--batch")
	a := &aroundTree{root: root, width: len(root) / 2, cmd: cmd, cancel: cancel}
	in, err := cmd.StdinPipe()
	if err == nil {
		var out io.ReadCloser
		if out, err = cmd.StdoutPipe(); err == nil {
			a.in, a.out = in, bufio.NewReaderSize(out, 64<<10)
			err = cmd.Start()
		}
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("running git: %w", err)
	}
	return a, nil
}

func (a *aroundTree) close() {
	_ = a.in.Close()
	a.cancel()
	_ = a.cmd.Wait() // killed: its status says nothing
}

// maxAround bounds a file or a directory's listing that is read around the app, in bytes.
const maxAround = 4 << 20

// Open reads a file or lists a directory.
func (a *aroundTree) Open(name string) (fs.File, error) {
	refuse := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) || strings.Contains(name, "\n") {
		return refuse(fs.ErrInvalid)
	}
	asked := a.root + ":"
	if name != "." {
		asked += name
	}
	if _, err := io.WriteString(a.in, asked+"\n"); err != nil {
		return refuse(err)
	}
	f := &treeFile{info: treeInfo{name: path.Base(name)}}
	err := object(a.out, 0, func(_ int, kind string, size int64, content io.Reader) (err error) {
		switch f.info.size = size; {
		case kind == "tree":
			f.info.mode = fs.ModeDir
		case kind != "blob":
			f = nil
			return nil
		}
		if size <= maxAround {
			var all []byte
			all, err = io.ReadAll(content)
			f.content = bytes.NewReader(all)
			f.entries = a.entries(f.info.mode, all)
		}
		return err
	})
	switch {
	case err != nil:
		return refuse(err)
	case f == nil && !a.isSubmodule(name):
		return refuse(fs.ErrNotExist)
	case f == nil:
		return &treeFile{info: treeInfo{name: path.Base(name), mode: fs.ModeDir}}, nil
	}
	return f, nil
}

// isSubmodule reports whether a name is a submodule's, of which the repository has no files.
func (a *aroundTree) isSubmodule(name string) bool {
	entries, err := fs.ReadDir(a, path.Dir(name))
	return err == nil && name != "." && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == path.Base(name) && e.Type() == fs.ModeIrregular
	})
}

// entries reads a tree object: `mode name<NUL>` and the id, for each entry.
func (a *aroundTree) entries(mode fs.FileMode, tree []byte) (entries []fs.DirEntry) {
	for mode.IsDir() {
		head, rest, found := bytes.Cut(tree, []byte{0})
		kind, name, ok := strings.Cut(string(head), " ")
		if !found || !ok || len(rest) < a.width {
			break
		}
		tree = rest[a.width:]
		info := treeInfo{name: name}
		switch kind {
		case "40000":
			info.mode = fs.ModeDir
		case "120000":
			info.mode = fs.ModeSymlink
		case "160000":
			info.mode = fs.ModeIrregular // a submodule
		}
		entries = append(entries, fs.FileInfoToDirEntry(info))
	}
	return entries
}

// treeFile is an open file or directory of an aroundTree.
type treeFile struct {
	info    treeInfo
	content io.Reader // nil for a file above maxAround
	entries []fs.DirEntry
}

func (f *treeFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *treeFile) Close() error               { return nil }

func (f *treeFile) Read(p []byte) (int, error) {
	switch {
	case f.info.IsDir():
		return 0, syscall.EISDIR
	case f.content == nil:
		return 0, syscall.EFBIG
	}
	return f.content.Read(p)
}

func (f *treeFile) ReadDir(n int) (entries []fs.DirEntry, err error) {
	if n <= 0 || n > len(f.entries) {
		if n > 0 && len(f.entries) == 0 {
			err = io.EOF
		}
		n = len(f.entries)
	}
	entries, f.entries = f.entries[:n], f.entries[n:]
	return entries, err
}

// treeInfo is what git knows of an entry; the size is that of an open file only.
type treeInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i treeInfo) Name() string       { return i.name }
func (i treeInfo) Size() int64        { return i.size }
func (i treeInfo) Mode() fs.FileMode  { return i.mode | 0o444 }
func (i treeInfo) ModTime() time.Time { return time.Time{} }
func (i treeInfo) IsDir() bool        { return i.mode.IsDir() }
func (i treeInfo) Sys() any           { return nil }
