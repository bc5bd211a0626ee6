package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"slugc/buildpacks/extension"
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

// showRuntimes prepares the layers that have runtimes, of all members up to m, for the next buildpack. It
// returns what the sandbox mounts there.
func (b *builder) showRuntimes(m Member) (binds []sandbox.Bind, err error) {
	layers, err := os.OpenRoot(b.Layers)
	if err != nil {
		return nil, fmt.Errorf("opening the layers directory: %w", err)
	}
	defer layers.Close()
	for _, member := range b.Group {
		for _, name := range b.provided(member) {
			at := path.Join(member.Escaped(), name)
			if member.Info.ID == m.Info.ID {
				// What is there is of an earlier build: the buildpack writes its environment again.
				err = errors.Join(layers.RemoveAll(at), layers.Mkdir(at, 0o755))
			}
			var more []sandbox.Bind
			if err == nil {
				more, err = b.showRuntime(layers, at, b.runtimeOf(member, name))
			}
			if err != nil {
				return nil, fmt.Errorf("preparing layer %q: %w", name, err)
			}
			binds = append(binds, more...)
		}
		if member.Info.ID == m.Info.ID {
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
func (b *builder) showRuntime(layers *os.Root, at string, r Runtime) (binds []sandbox.Bind, err error) {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		host, place := filepath.Join(r.Dir, e.Name()), path.Join(at, e.Name())
		bind := sandbox.Bind{Host: host, Inside: path.Join(AppMount, layersName, place)}
		switch target := host; {
		case e.Type() == fs.ModeSymlink:
			if target, err = os.Readlink(host); err == nil {
				err = standIn(layers, place, fs.ModeSymlink, target)
			}
		case b.Sandbox.Path(bind) != bind.Inside:
			err = standIn(layers, place, fs.ModeSymlink, target)
		default:
			binds = append(binds, bind)
			err = standIn(layers, place, e.Type(), "")
		}
		if err != nil {
			return nil, err
		}
	}
	return binds, nil
}

// layersName is the layers directory below the app directory.
const layersName = ".layers"

// standIn makes an empty file or directory, or a link to target, unless it is there. It replaces anything
// else, which an earlier buildpack may have put there.
func standIn(layers *os.Root, place string, kind fs.FileMode, target string) error {
	info, err := layers.Lstat(place)
	if err == nil && info.Mode().Type() == kind && kind != fs.ModeSymlink {
		return nil
	}
	if err := layers.RemoveAll(place); err != nil {
		return err
	}
	switch kind {
	case fs.ModeDir:
		return layers.Mkdir(place, 0o755)
	case fs.ModeSymlink:
		return layers.Symlink(target, place)
	}
	f, err := layers.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// attach returns the runtime of a layer after its buildpack has run: one that was known before, or one that
// the layer's metadata asks for.
func (b *builder) attach(ctx context.Context, m Member, name string, l layerFile) (Runtime, error) {
	if r := b.runtimeOf(m, name); r.Dir != "" || b.LateRuntime == nil {
		return r, nil
	}
	return b.LateRuntime(ctx, m, name, l.Metadata)
}

// open opens the tree that a layer's directories, such as bin, are read from: the runtime, or the layer
// itself where it has none.
func (r Runtime) open(layer *os.Root) (*os.Root, error) {
	if r.Dir == "" {
		return layer.OpenRoot(".")
	}
	return os.OpenRoot(r.Dir)
}
