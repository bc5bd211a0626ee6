// Package unpack puts any archive into a directory, hostile or not.
//
// An archive is a tar (plain, or compressed by gzip, zstd, xz or bzip2) or a zip, recognised by its
// content. Everything is written through an [os.Root], so nothing can land outside of the
// directory, and an entry that tries is refused by name:
//
//   - names that are absolute or hold "..", NUL, or more than the [Limits] allow;
//   - symbolic and hard links that lead out of the directory, and absolute link targets;
//   - anything written through a link, over another entry, or a file over a directory and the
//     reverse;
//   - devices, FIFOs, sockets;
//   - bombs, measured by bytes, entries and depth; time is bounded by the context.
//
// What is legal stays legal: `node_modules/.bin/x -> ../x/cli.js`, hard-linked trees, names that
// differ only in case, odd but valid bytes in names. Modes become 0755 or 0644 by the owner's x bit
// whatever the umask; owners, setuid bits and extended attributes are dropped.
//
// On an error the directory holds what was unpacked so far: unpack into a staging directory and
// rename it.
package unpack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Limits bounds what one archive may make. A field that is zero takes the value of [Default].
type Limits struct {
	Bytes   int64 // content of all files together
	Files   int   // entries: files, links and directories, those made for a parent included
	Depth   int   // components of a path
	PathLen int   // bytes of a path, and of a link's target
	NameLen int   // bytes of one component
}

// Default is what a source or a runtime may be at most: generous for an app, small for a bomb.
var Default = Limits{Bytes: 1 << 30, Files: 200_000, Depth: 1024, PathLen: 4096, NameLen: 255}

// orDefault fills the fields that are zero.
func (l Limits) orDefault() Limits {
	if l.Bytes == 0 {
		l.Bytes = Default.Bytes
	}
	if l.Files == 0 {
		l.Files = Default.Files
	}
	if l.Depth == 0 {
		l.Depth = Default.Depth
	}
	if l.PathLen == 0 {
		l.PathLen = Default.PathLen
	}
	if l.NameLen == 0 {
		l.NameLen = Default.NameLen
	}
	return l
}

// stream is how many bytes an archive may be once decompressed, headers, padding and skipped
// entries included.
func (l Limits) stream() int64 { return l.Bytes + int64(l.Files)*4096 + 1<<20 }

// Options says how an archive is unpacked. The zero value unpacks everything under the default
// limits.
type Options struct {
	// leading components dropped from every name; an entry with no more than these is left out
	Strip  int
	Limits Limits // see [Limits]
	// whether to take the entry, asked with its stripped, clean name; nil takes all. A hard link to
	// what is left out is refused
	Only      func(name string) bool
	KeepTimes bool // set modification times as the archive has them, between 1970 and 2106
	// told, now and then, how many bytes of content were written in all; may run concurrently
	Progress func(bytes int64)
}

// Stats counts what was made.
type Stats struct {
	Files int   // regular files
	Dirs  int   // directories, those made for a parent included
	Links int   // symbolic and hard links
	Bytes int64 // content of the files
}

// Refusal is an entry that is not let in, or the one that breaks a limit. Find it with [errors.As].
type Refusal struct {
	Entry    string // name as the archive has it, cut to 200 bytes
	Reason   string // completes the sentence `"entry" …`
	TooLarge bool   // a limit was reached, rather than a rule broken
}

// Error returns one line that names the entry and the reason.
func (r *Refusal) Error() string { return fmt.Sprintf("%q %s", r.Entry, r.Reason) }

// refuse makes a Refusal. Names may be as long as the archive likes, so they are cut.
func refuse(entry, format string, args ...any) *Refusal {
	return &Refusal{Entry: cut(entry), Reason: fmt.Sprintf(format, args...)}
}

// cut shortens a name for a message.
func cut(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// tooLarge makes a Refusal for a limit.
func tooLarge(entry, format string, args ...any) *Refusal {
	r := refuse(entry, format, args...)
	r.TooLarge = true
	return r
}

// ErrFormat is returned for content that is no archive of a kind this package reads.
var ErrFormat = errors.New("not a tar, tar.gz, tar.zst, tar.xz, tar.bz2 or zip archive")

// ErrDamaged is wrapped by the error for an archive that is cut short or fails its own checks.
var ErrDamaged = errors.New("damaged archive")

// kind is what an entry of an archive is.
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
	what   string // for kindOther: what it is, with its article
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
		return fmt.Errorf("reading %q: %w", cut(e.name), err)
	}
	defer r.Close()
	return w.file(name, e.mode, e.size, r)
}
