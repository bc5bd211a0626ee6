package jdk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"slugc/cache/digest"
)

const (
	maxDepth = 32 // of directories
	maxLinks = 16 // in a row
)

// treeCopy copies a JDK. A link is replaced by what it leads to; an absolute one is meant below
// root. One that leads nowhere is left out.
type treeCopy struct {
	ctx   context.Context
	root  string
	sum   hash.Hash // of names, modes and contents
	depth int
}

// copyTree copies the JDK at from to the new directory to, without what no build reads, and returns
// a digest of names, modes and contents.
func copyTree(ctx context.Context, from, to, root string) (digest.Digest, error) {
	c := treeCopy{ctx: ctx, root: root, sum: sha256.New()}
	if err := c.dir(from, to, "."); err != nil {
		return "", err
	}
	return digest.Sum(c.sum), nil
}

// dir copies the directory from to the new directory to; rel is its place in the JDK.
func (c *treeCopy) dir(from, to, rel string) error {
	if c.depth++; c.depth > maxDepth {
		return fmt.Errorf("copying %q: it is a loop", rel)
	}
	defer func() { c.depth-- }()
	if err := c.ctx.Err(); err != nil {
		return context.Cause(c.ctx)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(rel, e.Name())
		if slices.Contains(needless, filepath.ToSlash(name)) {
			continue
		}
		source, info, err := c.follow(filepath.Join(from, e.Name()))
		switch target := filepath.Join(to, e.Name()); {
		case err != nil:
		case info.IsDir():
			err = c.dir(source, target, name)
		case info.Mode().IsRegular():
			err = c.file(source, target, name, 0o644|info.Mode().Perm()&0o111)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// follow follows links, as they are meant below root.
func (c *treeCopy) follow(path string) (string, fs.FileInfo, error) {
	for range maxLinks {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, info, err
		}
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil, err
		}
		if filepath.IsAbs(to) {
			path = filepath.Join(c.root, to)
		} else {
			path = filepath.Join(filepath.Dir(path), to)
		}
		if rel, err := filepath.Rel(c.root, path); err != nil || !filepath.IsLocal(rel) {
			return path, nil, fs.ErrNotExist
		}
	}
	return path, nil, fs.ErrNotExist
}

func (c *treeCopy) file(from, to, rel string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.sum, "%s\x00%o\x00", filepath.ToSlash(rel), mode)
	n, err := io.Copy(io.MultiWriter(out, c.sum), in)
	fmt.Fprintf(c.sum, "\x00%d\x00", n)
	return errors.Join(err, out.Chmod(mode), out.Close())
}
