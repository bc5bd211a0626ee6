package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mholt/archiver/v4"

	"slugc/.ci/bench/measure"
	"slugc/compiler/slug"
)

// Packing is measured in processes of their own, which are this program again: with one of these as
// its first argument.
const (
	argPack    = "pack-one-tree"    // DIR STORE FILE: pack as slugc does
	argArchive = "archive-one-tree" // DIR FILE: pack as the library archiver does
)

// packMain packs, if that is what this process is for.
func packMain() {
	var err error
	switch {
	case len(os.Args) == 5 && os.Args[1] == argPack:
		err = pack(os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) == 4 && os.Args[1] == argArchive:
		err = archive(os.Args[2], os.Args[3])
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func pack(dir, store, output string) error {
	s, err := slug.OpenStore(store)
	if err != nil {
		return err
	}
	_, err = slug.Pack(context.Background(), slug.PackOptions{
		Store: s, Output: output, Sections: []slug.Section{{Name: "app", Dir: dir}},
	})
	return err
}

// archive packs as a program does that uses archiver with all processors, and its other defaults.
func archive(dir, output string) (err error) {
	files, err := archiver.FilesFromDisk(&archiver.FromDiskOptions{}, map[string]string{dir + "/": ""})
	if err != nil {
		return err
	}
	out, err := os.Create(output)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	format := archiver.Archive{Compression: archiver.Gz{Multithreaded: true}, Archival: archiver.Tar{}}
	return format.Archive(context.Background(), out, files)
}

// packing measures how the tree of a slug of the big app is packed: all of it by slugc, gzip and
// archiver, and after a package was added.
func (b *bench) packing() error {
	home, err := b.fillNPM()
	if err != nil {
		return err
	}
	app, tree := b.path("big"), b.path("tree")
	if err := b.writeNode(app, nodeApp{}); err != nil {
		return err
	}
	first, err := b.build("", home, app)
	if err != nil {
		return err
	}
	if _, err := b.measure("", b.ours(home, "unpack", first.Slug.Path, tree)); err != nil {
		return err
	}
	if err := os.RemoveAll(home); err != nil {
		return err
	}
	out, kept := b.path("slug.tgz"), b.path("kept")
	if _, err := b.measure("", measure.Command{Args: []string{b.self, argPack, tree, kept, out}}); err != nil {
		return err
	}
	return b.alternate(b.rounds,
		step{[]string{fullPack, fullSize, peakOfPack}, func(int) error { return b.fullPack(tree, out) }},
		step{[]string{gzip, gzipSize}, func(int) error {
			if err := b.shell(gzip, tree, nil, `tar -cf - . | gzip -6 >"$1"`, out); err != nil {
				return err
			}
			return b.size(gzipSize, out)
		}},
		step{[]string{archived}, func(int) error {
			_, err := b.measure(archived, measure.Command{Args: []string{b.self, argArchive, tree, out}})
			return err
		}},
		step{[]string{repack}, func(round int) error {
			from := os.DirFS(filepath.Join(tree, "node_modules/moment"))
			added := filepath.Join(tree, "node_modules", fmt.Sprintf("added-%d", round))
			if err := addPackage(added, from); err != nil {
				return err
			}
			_, err := b.measure(repack, measure.Command{Args: []string{b.self, argPack, tree, kept, out}})
			return err
		}},
	)
}

func (b *bench) fullPack(tree, out string) error {
	store := b.path("store")
	s, err := b.measure(fullPack, measure.Command{Args: []string{b.self, argPack, tree, store, out}, Own: b.self})
	if err != nil {
		return err
	}
	b.value(peakOfPack, float64(s.Peak)/(1<<20))
	return errors.Join(b.size(fullSize, out), os.RemoveAll(store))
}

// size keeps the size of a file in megabytes.
func (b *bench) size(thing, file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	b.value(thing, float64(info.Size())/1e6)
	return nil
}

// addPackage makes a package of another one's files.
func addPackage(dir string, from fs.FS) error {
	if err := os.CopyFS(dir, from); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "added.txt"), []byte(dir), 0o644)
}
