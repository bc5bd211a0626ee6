package golang

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"slugc/cache"
)

// SeedName is what the compiled standard library is called among the directories derived from a
// toolchain ([toolchain.Toolchain.Derived]).
const SeedName = "build-cache"

// seedRecipe is changed with what a [Seed] runs.
const seedRecipe = "1"

// Seed says how to compile the standard library of a Go toolchain before any app asks for it: into
// a GOCACHE that takes nothing from any app, so that the platform can make it once and show it to
// every build, read-only. A build copies it into its own cache layer ([Seed] and [Build] agree on
// everything that the go command's cache asks about) and compiles the app's packages only.
type Seed struct {
	// tells it from other seeds of the same toolchain: it holds what else the go command's cache
	// asks about
	Name string
	Args []string          // the command line, as the reader of the toolchain sees it
	Env  map[string]string // its whole environment but for HOME
}

// NewSeed returns how the seed of the Go at goRoot is made in the directory goCache, both as the
// command sees them, for a target and with the environment that buildpacks start with. It looks for
// the C compiler on that environment's PATH, for cgo is on where a build would have it on.
func NewSeed(goRoot, goCache, goos, goarch string, base map[string]string) Seed {
	e := &environment{vars: maps.Clone(base)}
	e.compiler(goRoot, goCache)
	e.set("GOWORK", "off")
	e.set("GOFLAGS", reproducible)
	e.target(goos, goarch)
	e.prepend(filepath.Join(goRoot, "bin"))
	return Seed{
		Name: SeedName + "-" + cache.Key(seedRecipe, goos, goarch, e.vars["CGO_ENABLED"], identity(e.look(cCompiler)))[:16],
		Args: []string{filepath.Join(goRoot, "bin", "go"), "build", "-v", "std"},
		Env:  e.vars,
	}
}

// identity tells a program from another that was installed in its place.
func identity(program string) string {
	path, err := filepath.EvalSymlinks(program)
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return path + " " + strconv.FormatInt(info.Size(), 10) + " " + info.ModTime().UTC().Format(time.RFC3339Nano)
}

// seedKey is what the layer of the build cache notes of the seed that it was given.
const seedKey = "standard-library"

// seed copies the compiled standard library into the build cache, once for each toolchain. Without
// it the build is slower, no more.
func (b *work) seed() error {
	dir := b.goTool.Derived[SeedName]
	layer := b.layerOf("build-cache")
	want := "go" + b.goTool.Version + " " + filepath.Base(dir)
	if dir == "" || layer.Metadata[seedKey] == want {
		return nil
	}
	err := copyCache(b.ctx, b.buildCache, dir)
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	if err != nil {
		b.say.Warn("The compiled standard library can't be copied (%v), so it is compiled anew", err)
		return nil
	}
	if layer.Metadata == nil {
		layer.Metadata = map[string]any{}
	}
	layer.Metadata[seedKey] = want
	return nil
}

const (
	seedWorkers = 4

	// unusedFor dates the copies back. The go command renews an entry's time when it uses one that
	// is older than an hour: so what the app does not import is the first to go when the cache is
	// trimmed, by us or by the go command, which keeps it for five days.
	unusedFor = 2 * time.Hour
)

// copyCache copies the entries of a GOCACHE to another one that may have some. They are copies,
// never links: what an app writes into its own cache must not reach the cache that all share.
//
// An entry is two files: XX/‹action›-a names the hash and the size of XX/‹output›-d. The go command
// takes an entry of another form, and an output that is missing or not of the stated size, for one
// that was never there, and makes it anew; it does not hash an output that it reads. So a copy that
// was broken off does no harm, and nothing else vouches for the bytes than what vouches for the
// toolchain's own files: they were on the disk before they got their name, and no build can write
// them.
func copyCache(ctx context.Context, to, from string) error {
	dst, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	src, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dirs, err := fs.ReadDir(src.FS(), ".")
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(seedWorkers)
	for _, d := range dirs {
		if d.IsDir() && len(d.Name()) == 2 { // beside them lie notes of the go command's
			work.Go(func() error { return copyEntries(ctx, dst, src, d.Name()) })
		}
	}
	return work.Wait()
}

// copyEntries copies the files of one directory.
func copyEntries(ctx context.Context, dst, src *os.Root, dir string) error {
	files, err := fs.ReadDir(src.FS(), dir)
	if err != nil {
		return err
	}
	if err := dst.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	then := time.Now().Add(-unusedFor)
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !f.Type().IsRegular() {
			continue
		}
		if err := copyEntry(dst, src, filepath.Join(dir, f.Name()), then); err != nil {
			return err
		}
	}
	return nil
}

// copyEntry copies one file, unless there is one of that name.
func copyEntry(dst, src *os.Root, name string, then time.Time) error {
	in, err := src.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := dst.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // by the kernel: copy_file_range
	if err = errors.Join(err, out.Close()); err == nil {
		err = dst.Chtimes(name, then, then)
	}
	if err != nil {
		return errors.Join(err, dst.Remove(name))
	}
	return nil
}
