package lifecycle

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"slugc/buildpacks/extension"
	"slugc/cache/beneath"
	"slugc/compiler/sandbox"
)

// Runtime is a tree that the platform puts into a layer: what the app runs on. No buildpack writes to it.
// Where the sandbox can mount, its top-level entries are mounted read-only into the layer's directory, for
// its own buildpack and all later ones; elsewhere links to them lie there. The layer's directory itself
// holds what the buildpack writes, such as its environment. Packing and the launch environment read the
// tree, never what a build made of the layer's directory.
type Runtime struct {
	Dir string // host path, "" for none
	Key string // identifies the content
}

// runtimeOf returns the runtime of a member's layer that is known before the build.
func (c Config) runtimeOf(m Member, layer string) Runtime {
	return c.Runtimes[extension.LayerName(m.Info.ID, layer)]
}

// showRuntimes prepares the layers that have runtimes, of all members up to m, for m's process. It returns
// what the sandbox mounts there.
func (b *builder) showRuntimes(m Member) (binds []sandbox.Bind, err error) {
	for _, member := range b.Group {
		own := member.Info.ID == m.Info.ID
		for _, name := range b.provided(member) {
			at := path.Join(member.Escaped(), name)
			if own { // what is there is of an earlier build: the buildpack writes its environment again
				err = b.layers.RemoveAll(at)
			}
			var more []sandbox.Bind
			if err == nil {
				more, err = b.showRuntime(at, b.runtimeOf(member, name))
			}
			if err != nil {
				return nil, fmt.Errorf("preparing layer %q: %w", name, err)
			}
			binds = append(binds, more...)
		}
		if own {
			break
		}
	}
	return binds, nil
}

// provided lists a member's layers with runtimes.
func (c Config) provided(m Member) (names []string) {
	for name := range c.Runtimes {
		if layer, ok := extension.LayerOf(m.Info.ID, name); ok {
			names = append(names, layer)
		}
	}
	return names
}

// showRuntime makes, for every top-level entry of a runtime, the place to mount it at or a link to it.
func (b *builder) showRuntime(at string, r Runtime) (binds []sandbox.Bind, err error) {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return nil, err
	}
	if err := b.standIn(at, fs.ModeDir, ""); err != nil {
		return nil, err
	}
	for _, e := range entries {
		host, place := filepath.Join(r.Dir, e.Name()), path.Join(at, e.Name())
		bind := sandbox.Bind{Host: host, Inside: path.Join(AppMount, layersName, place)}
		switch target := host; {
		case e.Type() == fs.ModeSymlink:
			if target, err = os.Readlink(host); err == nil {
				err = b.standIn(place, fs.ModeSymlink, target)
			}
		case b.Sandbox.Path(bind) != bind.Inside:
			err = b.standIn(place, fs.ModeSymlink, target)
		default:
			binds = append(binds, bind)
			err = b.standIn(place, e.Type(), "")
		}
		if err != nil {
			return nil, err
		}
	}
	return binds, nil
}

// standIn makes an empty file or directory in the layers directory, or a link to target. What is there
// stays if it will do, and is removed otherwise: an earlier buildpack may have put anything there.
func (b *builder) standIn(place string, kind fs.FileMode, target string) error {
	s, err := b.layers.Lstat(place)
	isDir, isFile := err == nil && beneath.IsDir(s), err == nil && s.Mode&unix.S_IFMT == unix.S_IFREG
	if kind == fs.ModeDir && isDir || kind == 0 && isFile {
		return nil
	}
	if err := b.layers.RemoveAll(place); err != nil {
		return err
	}
	switch kind {
	case fs.ModeDir:
		return b.layers.Mkdir(place, 0o755)
	case fs.ModeSymlink:
		return b.layers.Symlink(target, place)
	}
	return b.layers.WriteFile(place, nil, 0o644)
}

// attachLate gives the launch layers of a member the runtimes that their metadata asks for.
func (b *builder) attachLate(ctx context.Context, m Member, result *Result) (err error) {
	if b.LateRuntime == nil {
		return nil
	}
	for i := range result.Layers {
		l := &result.Layers[i]
		if l.Buildpack != m.Info.ID || l.Runtime.Dir != "" {
			continue
		}
		if l.Runtime, err = b.LateRuntime(ctx, m, l.Name, l.metadata); err != nil {
			return err
		}
	}
	return nil
}

// open opens the tree that a layer's directories, such as bin, are read from: the runtime, or the layer
// itself where it has none.
func (r Runtime) open(layer *beneath.Dir) (*beneath.Dir, error) {
	if r.Dir == "" {
		return layer.Dir(".")
	}
	return beneath.Open(r.Dir)
}
