package buildpacktest

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"slugc/cache/digest"
)

// Files lists a tree: mode and content by slash-separated path. Directories end in a slash.
type Files map[string]string

// Has reports whether the tree has a file or a directory of that name.
func (f Files) Has(name string) bool {
	return f[name] != "" || f[strings.TrimSuffix(name, "/")+"/"] != ""
}

// Names returns the sorted names of the files, without directories.
func (f Files) Names() []string {
	names := slices.Sorted(maps.Keys(f))
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "/") })
}

// NamesRoot marks a file whose content names the bench's root: a slug of it depends on where it was
// built.
const NamesRoot = " names the build's directory"

// Files lists the files that a slug would have: the app and the launch layers.
func (b *Bench) Files() Files {
	b.T.Helper()
	files := Files{}
	b.AddFiles(files, b.App, "")
	for name, types := range b.Layers() {
		if types.Launch {
			b.AddFiles(files, b.Layer(name), ".layers/"+name)
		}
	}
	return files
}

// AddFiles lists the tree dir, without .layers at its top, under prefix.
func (b *Bench) AddFiles(files Files, dir, prefix string) {
	b.T.Helper()
	if !exists(dir) {
		return
	}
	Must(b.T, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if rel == ".layers" {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, text := filepath.ToSlash(filepath.Join(prefix, rel)), info.Mode().String()
		switch {
		case d.IsDir():
			name += "/"
		case d.Type() == fs.ModeSymlink:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " " + link
		case info.Mode().IsRegular():
			content, err := b.content(path, info)
			if err != nil {
				return err
			}
			text += content
		}
		files[name] = text
		return nil
	}))
}

// contents are the digests of files by root, inode, size and change time: a layer that a later
// build keeps is not read again.
var contents sync.Map

// huge is the size in bytes from which a file's content is not compared: Node itself.
const huge = 16 << 20

// content describes a file's content. The bench's root counts as the same text everywhere.
func (b *Bench) content(path string, info fs.FileInfo) (string, error) {
	if info.Size() > huge {
		return fmt.Sprintf(" %d bytes", info.Size()), nil
	}
	key := path
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		key = fmt.Sprint(b.Root, stat.Ino, stat.Size, stat.Ctim)
	}
	if known, ok := contents.Load(key); ok {
		return known.(string), nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := ""
	if plain := bytes.ReplaceAll(data, []byte(b.Root), []byte("ROOT")); len(plain) != len(data) {
		if data = plain; !strings.Contains(path, "/env.launch/") {
			text = NamesRoot
		}
	}
	text += " " + digest.Of(data).Short()
	contents.Store(key, text)
	return text, nil
}

// Equal checks that two trees are the same and names the first paths that differ.
func Equal(t testing.TB, what string, got, want Files) {
	t.Helper()
	var wrong []string
	for name := range want {
		if got[name] != want[name] {
			wrong = append(wrong, fmt.Sprintf("%s: %q, want %q", name, got[name], want[name]))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: %q, want none", name, got[name]))
		}
	}
	if slices.Sort(wrong); len(wrong) > 0 {
		t.Errorf("%s: %d paths differ:\n%s", what, len(wrong), strings.Join(wrong[:min(8, len(wrong))], "\n"))
	}
}
