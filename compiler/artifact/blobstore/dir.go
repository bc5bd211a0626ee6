package blobstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"slugc/cache/digest"
	"slugc/cache/disk"
)

// dir keeps objects in a directory.
type dir struct {
	location
	path string
}

func openDir(u *url.URL, o Options) (Store, error) {
	if u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(u.Path) {
		return nil, badURL("a directory is named file:///path")
	}
	d := &dir{path: filepath.Clean(u.Path)}
	d.location = location(d.url(""))
	return &partStore{o, d.location, d}, nil
}

func (d *dir) url(key string) string {
	return (&url.URL{Scheme: "file", Path: filepath.Join(d.path, key)}).String()
}

// file is the path of an object. Keys hold only fixed words and hexadecimal digits.
func (d *dir) file(key string) string { return filepath.Join(d.path, filepath.FromSlash(key)) }

// unfinished is the prefix of files that are being written, or were when the process was killed.
const unfinished = ".new-"

func (d *dir) put(ctx context.Context, key string, body *io.SectionReader, want digest.Digest) error {
	to := d.file(key)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return d.fault(err)
	}
	disk.RemoveStale(filepath.Dir(to), unfinished)
	tmp, err := os.CreateTemp(filepath.Dir(to), unfinished+"*")
	if err != nil {
		return d.fault(err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(tmp, h), contextReader{ctx, body}); err != nil {
		return d.fault(err)
	}
	if is := digest.Sum(h); is != want {
		return fmt.Errorf("storing %q: what was read has digest %s, not %s", key, is, want)
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync()); err != nil {
		return d.fault(err)
	}
	if err := os.Rename(tmp.Name(), to); err != nil {
		return d.fault(err)
	}
	return disk.SyncDir(filepath.Dir(to))
}

func (d *dir) get(ctx context.Context, key string) (io.ReadCloser, error) {
	f, err := disk.OpenRegular(d.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, d.missing(fmt.Sprintf("%q", key))
	} else if errors.Is(err, disk.ErrNotRegular) {
		return nil, d.damaged(fmt.Sprintf("%q", key), disk.ErrNotRegular)
	} else if err != nil {
		return nil, d.fault(err)
	}
	return struct {
		io.Reader
		io.Closer
	}{contextReader{ctx, f}, f}, nil
}

// has reads the object: a disk knows no digests.
func (d *dir) has(ctx context.Context, key string, size int64, want digest.Digest) (bool, error) {
	f, err := disk.OpenRegular(d.file(key))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, disk.ErrNotRegular) {
		return false, nil
	} else if err != nil {
		return false, d.fault(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if sized := info.Size() == size; !sized || want == "" {
		return sized, nil
	}
	is, _, err := digest.Read(contextReader{ctx, f})
	if err != nil {
		return false, d.fault(err)
	}
	return is == want, nil
}

// fault makes an error of a file system's error.
func (d *dir) fault(err error) error {
	why := err
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		why = fmt.Errorf("%q: %w", strings.TrimPrefix(p.Path, d.path+"/"), p.Err)
	}
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return d.errorf("%w", err)
	case inTrouble(err):
		return d.errorf("%w", why)
	case errors.Is(err, fs.ErrPermission):
		return d.denied(oneLine(why).Error())
	case errors.Is(err, syscall.ENOTDIR):
		return d.refused(oneLine(why).Error())
	}
	return d.unreachable(why)
}

// contextReader reads until its context ends.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
