package source

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"slugc/cache/digest"
	"slugc/cache/unpack"
	"slugc/compiler/fault"
)

// sum is the sha256 of a file's content.
type sum [sha256.Size]byte

// entry is one file or link of a source.
type entry struct {
	path    string
	exec    bool
	target  string // of a link; "" for a file
	size    int64
	sum     sum
	stat    stat   // Dir: what the file was when it was hashed
	settled bool   // Dir: as long as the file has this stat, its content has this sum
	mount   *mount // Dir: where it is if not in the app's directory
	oid     string // Git: the blob
	repo    int    // Git: index of its repository in gitTree.repos
	listing int    // Git: index in gitTree.listings
	convert string // Git: the attributes by which a checkout converts the blob; "" if it does not
	pointer bool   // the content is a Git LFS pointer
}

func (e entry) mode() fs.FileMode {
	if e.exec {
		return 0o755
	}
	return 0o644
}

// treeDigest returns the digest over sorted entries. Everything of variable length is preceded by
// its length.
func treeDigest(entries []entry) digest.Digest {
	h := sha256.New()
	h.Write([]byte("slugc source 1\n"))
	var buf []byte
	for _, e := range entries {
		buf = append(buf[:0], kindByte(e))
		buf = binary.AppendUvarint(buf, uint64(len(e.path)))
		buf = append(buf, e.path...)
		if e.target != "" {
			buf = binary.AppendUvarint(buf, uint64(len(e.target)))
			buf = append(buf, e.target...)
		} else {
			buf = append(buf, e.sum[:]...)
		}
		h.Write(buf)
	}
	return digest.Sum(h)
}

func kindByte(e entry) byte {
	switch {
	case e.target != "":
		return 'l'
	case e.exec:
		return 'x'
	default:
		return 'f'
	}
}

// sortEntries sorts by path. It refuses two entries with one name, and a file where a directory
// must be.
func sortEntries(entries []entry) error {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	leaf := make(map[string]bool, len(entries))
	for _, e := range entries {
		if leaf[e.path] {
			return errRefused(e.path, "is there twice")
		}
		leaf[e.path] = true
	}
	checked := map[string]bool{".": true}
	for _, e := range entries {
		for dir := path.Dir(e.path); !checked[dir]; dir = path.Dir(dir) {
			if leaf[dir] {
				return errRefused(e.path, fmt.Sprintf("needs %q to be a directory, but that is a file", dir))
			}
			checked[dir] = true
		}
	}
	return nil
}

// errRefused is the error for an entry that cannot be in a slug; reason completes the sentence
// `"entry" …`.
func errRefused(entry, reason string) error {
	return asFault(&unpack.Refusal{Entry: entry, Reason: reason})
}

// errTooLarge is the error for an entry that breaks a limit; reason completes the sentence
// `"entry" …`.
func errTooLarge(entry, reason string) error {
	return asFault(&unpack.Refusal{Entry: entry, Reason: reason, TooLarge: true})
}

// asFault gives a refusal of package unpack its owner and id. It returns any other error unchanged.
func asFault(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok || err == nil {
		return err
	}
	r, ok := errors.AsType[*unpack.Refusal](err)
	switch {
	case !ok:
		return err
	case r.TooLarge:
		return fault.AppError("source/too-large", fmt.Errorf("reading source: %w", r),
			"leave out what the app doesn't need with .slugignore").At("%s", r.Entry)
	case strings.HasPrefix(r.Target, "/"):
		return fault.AppError("source/entry-refused", fmt.Errorf("reading source: %w", r),
			"leave it out with .slugignore, and make it when the app starts: a line in .profile.d/links.sh such as "+
				fmt.Sprintf("`ln -sfn %s %s`", r.Target, r.Entry),
			"a link into the app may be absolute below /app").At("%s", r.Entry)
	case r.Target != "":
		return fault.AppError("source/entry-refused", fmt.Errorf("reading source: %w", r),
			"if its target is in the repository, build that with --subdir: what the link leads to is then in the slug",
			"or remove it, or leave it out with .slugignore").At("%s", r.Entry)
	default:
		return fault.AppError("source/entry-refused", fmt.Errorf("reading source: %w", r),
			"remove it, or leave it out with .slugignore").At("%s", r.Entry)
	}
}

// errUnreadable is the error for a file or an archive whose content cannot be read.
func errUnreadable(place string, err error, hints ...string) error {
	return fault.AppError("source/unreadable", fmt.Errorf("reading source: %w", err), hints...).At("%s", place)
}

// tally counts entries and holds a source to its limits.
type tally struct {
	limits unpack.Limits
	files  int
	bytes  int64
}

// add counts an entry and checks its name and, for a link, its target.
func (t *tally) add(e entry) error {
	t.files++
	t.bytes += e.size
	if t.files > t.limits.Files {
		return errTooLarge(e.path, fmt.Sprintf("is one entry too many; %d are allowed", t.limits.Files))
	}
	if t.bytes > t.limits.Bytes || e.size > t.limits.Bytes {
		return errTooLarge(e.path, fmt.Sprintf("brings the content above %s, the limit", unpack.Size(t.limits.Bytes)))
	}
	if err := t.limits.CheckName(e.path); err != nil {
		return asFault(err)
	}
	if path.Clean(e.path) != e.path {
		return errRefused(e.path, `has "." or an empty component in its name`)
	}
	if e.target != "" {
		return asFault(t.limits.CheckLink(e.path, e.target))
	}
	return nil
}
