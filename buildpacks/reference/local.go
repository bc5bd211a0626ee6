package reference

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
	"slugc/cache/digest"
	"slugc/cache/unpack"
)

// copyDirectory copies a directory of this machine, without a .git in it. No link is followed.
func (s *Store) copyDirectory(ctx context.Context, from, to string) (err error) {
	d, err := beneath.Open(from)
	if err != nil {
		return errReading(from, reason(err))
	}
	defer d.Close()
	if err := makeDir(to); err != nil {
		return err
	}
	w, err := unpack.NewWriter(to, unpack.Options{Limits: s.o.Limits})
	if err != nil {
		return err
	}
	err = d.Scan(".", func(l *beneath.Listing) error {
		l.Entries = slices.DeleteFunc(l.Entries, func(e beneath.Entry) bool { return e.Name == ".git" })
		for _, e := range l.Entries {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			if err := copyEntry(w, d, l, e); err != nil {
				return err
			}
		}
		return nil
	})
	err = errors.Join(err, w.Close())
	if _, refused := errors.AsType[*unpack.Refusal](err); refused {
		return errUnpacking(err)
	}
	if err != nil && ctx.Err() == nil {
		return errReading(from, err)
	}
	return err
}

// copyEntry copies one entry of a directory.
func copyEntry(w *unpack.Writer, d *beneath.Dir, l *beneath.Listing, e beneath.Entry) error {
	name := path.Join(l.Path, e.Name)
	switch e.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return w.Dir(name, 0o755)
	case unix.S_IFLNK:
		target, err := l.Readlink(e.Name)
		if err != nil {
			return err
		}
		return w.Symlink(name, target)
	case unix.S_IFREG:
		f, err := d.OpenFile(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return w.File(name, fs.FileMode(e.Mode&0o777), e.Size, f)
	}
	return &unpack.Refusal{Entry: name, Reason: "is neither a file, a directory nor a link"}
}

// reason is an error without the path that its caller names.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// unpackLocal unpacks an archive of this machine, if it has the digest that the reference states.
func (s *Store) unpackLocal(ctx context.Context, r Ref, to string) error {
	if r.SHA256 != "" {
		is, _, err := digest.File(r.Path)
		if err != nil {
			return errReading(r.Path, reason(err))
		}
		if is != r.SHA256 {
			return errDigest(is, r.SHA256)
		}
	}
	return s.unpackFile(ctx, r.Path, to)
}

// errDigest is the error for an archive that is another than the reference names.
func errDigest(is, want digest.Digest) error {
	return failed(Writer, "buildpack/digest-mismatch",
		fmt.Errorf("its digest is %s, and the reference says %s", is, want),
		"see that nobody has exchanged it, and write the digest of the one that you trust")
}

// unpackFile unpacks an archive into a directory, which it makes.
func (s *Store) unpackFile(ctx context.Context, file, to string) error {
	if err := makeDir(to); err != nil {
		return err
	}
	_, err := unpack.File(ctx, file, to, unpack.Options{Limits: s.o.Limits, Rooted: isLayoutName})
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errUnpacking(err)
}

// makeDir makes a directory whose permissions do not depend on the umask: they count in the digest.
func makeDir(path string) error { return errors.Join(os.Mkdir(path, 0o755), os.Chmod(path, 0o755)) }
