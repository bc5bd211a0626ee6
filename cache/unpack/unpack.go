// Package unpack unpacks an archive into a directory, even if the archive is hostile: [Archive]
// from a stream, [File] from a file. A [Writer] writes entries from elsewhere with the same checks.
//
//	stats, err := unpack.Archive(ctx, request.Body, dir, unpack.Options{Strip: 1})
//	if refusal, ok := errors.AsType[*unpack.Refusal](err); ok {
//		// "../../etc/passwd" has ".." in its name
//	}
//
// An archive is a tar (plain, or compressed by gzip, zstd, xz or bzip2) or a zip, recognised by its
// content. Everything is written through an [os.Root], so that nothing can be written outside the
// directory. These are refused, by name:
//
//   - names that are absolute or have "..", NUL, or more bytes or components than the [Limits]
//     allow;
//   - symbolic and hard links that lead out of the directory, and absolute link targets;
//   - an entry written through a link or over another entry;
//   - devices, FIFOs, sockets;
//   - bombs, by their bytes, entries and depth. The context bounds the time.
//
// Unusual but legal archives are unpacked: node_modules/.bin/x -> ../x/cli.js, hard-linked trees,
// names that differ only in case, any other bytes in names. Modes become 0755 or 0644 by the
// owner's x bit, whatever the umask. Owners, setuid bits and extended attributes are dropped.
//
// The package does not clean up: on an error the directory holds what was unpacked so far. Unpack
// into a staging directory and rename it.
package unpack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Limits bounds what one archive may make. A field that is zero stands for [Default]'s.
type Limits struct {
	Bytes   int64 // content of all files together
	Files   int   // entries: files, links and directories, including parents that are not entries
	Depth   int   // components of a path
	PathLen int   // bytes of a path, and of a link's target
	NameLen int   // bytes of one component
	// Runs is where the tree is when it runs, such as /app: absolute links to what is there are allowed.
	// "" allows none, and has no default.
	Runs string
}

// Default are the limits for a source or a runtime: generous for an app, small for a bomb.
var Default = Limits{Bytes: 1 << 30, Files: 200_000, Depth: 1024, PathLen: 4096, NameLen: 255}

// OrDefault returns the limits with Default's for fields that are zero.
func (l Limits) OrDefault() Limits {
	d := Default
	return Limits{
		Bytes: cmp.Or(l.Bytes, d.Bytes), Files: cmp.Or(l.Files, d.Files), Depth: cmp.Or(l.Depth, d.Depth),
		PathLen: cmp.Or(l.PathLen, d.PathLen), NameLen: cmp.Or(l.NameLen, d.NameLen),
		Runs: l.Runs,
	}
}

// stream returns how many bytes an archive may have when decompressed, including headers, padding
// and skipped entries.
func (l Limits) stream() int64 { return l.Bytes + int64(l.Files)*4096 + 1<<20 }

// Options says how an archive is unpacked. The zero value unpacks everything under the default
// limits.
type Options struct {
	// Strip is how many leading components are dropped from every name. An entry with no more
	// components is left out.
	Strip  int
	Limits Limits
	// Only reports whether to take an entry, by its stripped, clean name; nil takes all. A hard
	// link to an entry that is left out is refused.
	Only func(name string) bool
	// Rooted reports whether an absolute name is meant to be below the directory, as names in layers of images are.
	// Nil refuses all. A hard link's target then is too.
	Rooted    func(name string) bool
	KeepTimes bool // set the archive's modification times, clamped to the years 1970 to 2106
	// Progress, if not nil, is called with the bytes of content written so far. Calls may be
	// concurrent.
	Progress func(bytes int64)
}

// Stats counts what was made.
type Stats struct {
	Files int   // regular files
	Dirs  int   // directories, including parents that are not entries
	Links int   // symbolic and hard links
	Bytes int64 // content of the files
}

// Refusal is the error for an entry that is refused or that exceeds a limit.
type Refusal struct {
	Entry    string // the name in the archive, shortened to 200 bytes
	Reason   string // completes the sentence `"entry" …`
	TooLarge bool   // a limit is exceeded; otherwise a rule is broken
	Target   string // of a link that is refused because it leads out; "" for any other reason
}

// Error returns one line that names the entry and the reason.
func (r *Refusal) Error() string { return fmt.Sprintf("%q %s", r.Entry, r.Reason) }

// refuse returns a Refusal. Names in an archive may have any length, so they are shortened.
func refuse(entry, format string, args ...any) *Refusal {
	return &Refusal{Entry: shorten(entry), Reason: fmt.Sprintf(format, args...)}
}

// shorten shortens a name for a message.
func shorten(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// tooLarge returns a Refusal for a limit.
func tooLarge(entry, format string, args ...any) *Refusal {
	r := refuse(entry, format, args...)
	r.TooLarge = true
	return r
}

// ErrFormat is the error for content that is not an archive of a supported format.
var ErrFormat = errors.New("not a tar, tar.gz, tar.zst, tar.xz, tar.bz2 or zip archive")

// ErrDamaged is wrapped by the error for an archive that is incomplete or fails its own checks.
var ErrDamaged = errors.New("damaged archive")

// kind is the type of an entry.
type kind int

const (
	kindFile kind = iota
	kindDir
	kindSymlink
	kindHardlink
	kindOther
)

// entry is one entry of an archive, whatever the format.
type entry struct {
	name   string
	kind   kind
	what   string // of kindOther: what people call it, with an article
	mode   fs.FileMode
	size   int64 // -1: not known beforehand
	target string
	mtime  time.Time
	open   opener
}

// put writes one entry.
func put(ctx context.Context, w *Writer, e entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.o.Rooted != nil && strings.HasPrefix(e.name, "/") && w.o.Rooted(e.name) {
		e.name = "." + e.name
		if e.kind == kindHardlink && strings.HasPrefix(e.target, "/") {
			e.target = "." + e.target
		}
	}
	name, err := w.place(e.name)
	if err != nil || name == "" {
		return err
	}
	if w.o.Only != nil && !w.o.Only(name) {
		return nil
	}
	switch e.kind {
	case kindDir:
		err = w.dir(name)
	case kindFile:
		err = putFile(w, name, e)
	case kindSymlink:
		err = w.symlink(name, e.target)
	case kindHardlink:
		err = w.hardlink(name, e.target)
	default:
		return refuse(e.name, "is %s", e.what)
	}
	if err != nil || !w.o.KeepTimes || e.kind == kindSymlink || e.kind == kindHardlink {
		return err
	}
	return w.times(name, e.kind == kindDir, e.mtime)
}

// putFile writes a regular file from the archive.
func putFile(w *Writer, name string, e entry) error {
	if n := len(e.name); e.name[n-1] == '/' {
		return refuse(e.name, "is a file whose name ends in a slash")
	}
	r, err := e.open()
	if err != nil {
		return fmt.Errorf("reading %q: %w", shorten(e.name), err)
	}
	defer r.Close()
	return w.file(name, e.mode, e.size, r)
}
