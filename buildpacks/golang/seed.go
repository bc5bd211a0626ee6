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
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"slugc/cache"
)

// SeedName names the compiled standard library among the directories derived from a toolchain
// (toolchain.Toolchain.Derived).
const SeedName = "build-cache"

// seedRecipe changes with what a [Seed] runs.
const seedRecipe = "2"

// Seed says how to compile the standard library of a Go toolchain before any app asks for it: the part
// that most web apps import, which is two thirds of it by time. It fills a GOCACHE that takes nothing
// from any app, so the platform makes it once and shows it to every build, read-only. A build links or
// copies it into its own cache layer and compiles only the app's packages, and what else they import. [Seed] and
// [Build] agree on everything that a key of the go command's cache depends on.
type Seed struct {
	// Name tells it from other seeds of the same toolchain: it contains everything else that keys
	// of the go command's cache depend on.
	Name string
	Args []string          // the command line, as the toolchain's user sees it
	Env  map[string]string // its whole environment except HOME
}

// NewSeed returns how to make the seed of a Go release at goRoot in the directory goCache, both as the
// command sees them, for a target and with the environment that buildpacks start with. It looks for
// the C compiler on that environment's PATH: cgo is on where a build would have it on.
func NewSeed(release, goRoot, goCache, goos, goarch string, base map[string]string) Seed {
	e := &environment{vars: maps.Clone(base)}
	e.setCompiler(goRoot, goCache)
	if !since(release, "1.12") {
		e.vars["GO111MODULE"] = "auto" // with "on" it compiles nothing outside of a module
	}
	e.vars["GOWORK"], e.vars["GOFLAGS"] = "off", strings.Join(reproducible(release), " ")
	e.setTarget(goos, goarch)
	e.vars.Prepend("PATH", filepath.Join(goRoot, "bin"))
	key := cache.Key(seedRecipe, goos, goarch, e.vars["CGO_ENABLED"], identity(e.vars.Look(cCompiler)))
	return Seed{
		Name: SeedName + "-" + key[:16],
		Args: append([]string{filepath.Join(goRoot, "bin", "go"), "build", "-v"}, webPackages(release)...),
		Env:  e.vars,
	}
}

// webPackages are what most web apps import of the standard library. Nearly all of their cost is that of
// net/http, so the others are there for little.
func webPackages(release string) []string {
	list := []string{"net/http", "html/template", "database/sql", "encoding/json", "flag", "os/exec", "os/signal"}
	if since(release, "1.16") {
		list = append(list, "embed")
	}
	if since(release, "1.21") {
		list = append(list, "log/slog")
	}
	return list
}

// identity tells a program from another that was installed at the same path.
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

// seedKey is the key in the build cache layer's metadata of the seed that was copied into it.
const seedKey = "standard-library"

// linkedMark is in the metadata's value for seedKey between the seed and where it is linked to.
const linkedMark = " linked to "

// copySeed puts the compiled standard library into the build cache, once for each toolchain: as links where a
// mount keeps the seed from being written to, else as copies. Without a seed the build is slower.
func (b *work) copySeed() error {
	dir := b.goTool.Derived[SeedName]
	layer := b.Contributed("build-cache")
	had, _ := layer.Metadata[seedKey].(string)
	want := ""
	if dir != "" {
		want = "go" + b.goTool.Version + " " + filepath.Base(dir)
	}
	links := dir != "" && readOnly(dir)
	if links {
		want += linkedMark + dir + " " + b.lastTrim()
	}
	if had == want || dir == "" && !strings.Contains(had, linkedMark) {
		return nil
	}
	err := b.unlinkSeed(had, dir)
	if err == nil && dir != "" {
		err = copyCache(b.Context, b.buildCache, dir, links)
	}
	if b.Context.Err() != nil {
		return context.Cause(b.Context)
	}
	if err != nil {
		b.Log.Warn("The compiled standard library can't be copied (%v), so it is compiled again", err)
		return nil
	}
	if layer.Metadata == nil {
		layer.Metadata = map[string]any{}
	}
	layer.Metadata[seedKey] = want
	b.Contribute(*layer, layer.LayerTypes)
	return nil
}

// readOnly reports whether a mount keeps a directory from being written to. Then the go command, or a script of
// the app, reaches nothing through a link, and can't even set a file's time.
func readOnly(dir string) bool {
	var s unix.Statfs_t
	return unix.Statfs(dir, &s) == nil && s.Flags&unix.ST_RDONLY != 0
}

// lastTrim tells when the go command last trimmed the build cache, as it notes it. It can't renew the time of a
// link's target, so after five days it takes the links: the next build makes them again.
func (b *work) lastTrim() string {
	note, err := os.ReadFile(filepath.Join(b.buildCache, "trim.txt"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(note[:min(len(note), 32)]))
}

// unlinkSeed removes the links that a build made to another place than dir: the go command could not write
// through one that leads nowhere.
func (b *work) unlinkSeed(had, dir string) error {
	_, place, linked := strings.Cut(had, linkedMark)
	if !linked || dir != "" && strings.HasPrefix(place, dir+" ") && readOnly(dir) {
		return nil
	}
	cache, err := os.OpenRoot(b.buildCache)
	if err != nil {
		return err
	}
	defer cache.Close()
	return fs.WalkDir(cache.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSymlink != 0 {
			err = cache.Remove(name)
		}
		return err
	})
}

const (
	seedWorkers = 4

	// unusedFor dates the copies back. The go command renews an entry's time when it uses one that
	// is older than an hour. So what the app does not import goes first when the cache is trimmed,
	// here or by the go command, which keeps it for five days.
	unusedFor = 2 * time.Hour
)

// copyCache copies the entries of a GOCACHE to another, which may have some already. Outputs, nearly all of the
// bytes, become links if links says so. What an app writes into its own cache must not reach the cache that all
// apps share, so that is only where nothing can write there.
//
// An entry is two files: XX/‹action›-a names the hash and the size of XX/‹output›-d. The go command
// ignores an entry of another form and an output that is missing or has another size, and makes it
// again; so a copy that was interrupted does no harm. It does not hash an output that it reads. The
// bytes are as trustworthy as the toolchain's own files: they are on disk before they get their
// name, and no build can write them.
func copyCache(ctx context.Context, to, from string, links bool) error {
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
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(seedWorkers)
	for _, d := range dirs {
		if d.IsDir() && len(d.Name()) == 2 { // other names are the go command's own records
			workers.Go(func() error { return copyEntries(ctx, dst, src, d.Name(), links) })
		}
	}
	return workers.Wait()
}

// copyEntries copies the files of one directory.
func copyEntries(ctx context.Context, dst, src *os.Root, dir string, links bool) error {
	files, err := fs.ReadDir(src.FS(), dir)
	if err != nil {
		return err
	}
	if err := dst.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	written := time.Now().Add(-unusedFor)
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !f.Type().IsRegular() {
			continue
		}
		name := filepath.Join(dir, f.Name())
		if links && strings.HasSuffix(name, "-d") {
			err = linkEntry(dst, name, filepath.Join(src.Name(), name))
		} else {
			err = copyEntry(dst, src, name, written)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// linkEntry makes one file a link, also one that was copied before.
func linkEntry(dst *os.Root, name, target string) error {
	if is, err := dst.Readlink(name); err == nil && is == target {
		return nil
	}
	if err := dst.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return dst.Symlink(target, name)
}

// copyEntry copies one file and dates it, unless there is one of that name.
func copyEntry(dst, src *os.Root, name string, written time.Time) error {
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
		err = dst.Chtimes(name, written, written)
	}
	if err != nil {
		return errors.Join(err, dst.Remove(name))
	}
	return nil
}
