package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"slugc/cache/unpack"
	"slugc/compiler/fault"
)

// lfsPointer begins the file that Git LFS commits in place of a large one; such a file is never larger than lfsSize.
const (
	lfsPointer = "version https://git-lfs.github.com/spec/v1\n"
	lfsSize    = 1024
)

// blobs asks git for objects, in order, and hands each over. kind is "missing" for one that is not there. What each leaves
// of the content is skipped.
func (r *repository) blobs(ctx context.Context, names []string, each func(i int, kind string, size int64, content io.Reader) error) error {
	if len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, stderr := r.command(ctx, "cat-file", "--batch", "--buffer")
	cmd.Stdin = strings.NewReader(strings.Join(names, "\n") + "\n")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("running git: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running git: %w", err)
	}
	in := bufio.NewReaderSize(out, 256<<10)
	for i := range names {
		if err = object(in, i, each); err != nil {
			break
		}
	}
	if err != nil {
		early := errors.Is(err, errGitEnded)
		if !early {
			cancel()
		}
		waited := cmd.Wait()
		if early {
			return unreadable("", failed(ctx, "cat-file", errors.Join(err, waited), stderr), fsck)
		}
		return err
	}
	if err := cmd.Wait(); err != nil {
		return failed(ctx, "cat-file", err, stderr)
	}
	return nil
}

// errGitEnded says that git said less than it was asked.
var errGitEnded = errors.New("ended early")

// object reads one answer: `oid type size`, the content, a newline; or what was asked, and `missing`.
func object(in *bufio.Reader, i int, each func(int, string, int64, io.Reader) error) error {
	line, err := in.ReadString('\n')
	if err != nil {
		return errGitEnded
	}
	line = strings.TrimSuffix(line, "\n")
	if strings.HasSuffix(line, " missing") {
		return each(i, "missing", 0, strings.NewReader(""))
	}
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return errGitEnded
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return errGitEnded
	}
	content := &io.LimitedReader{R: in, N: size}
	if err := each(i, fields[1], size, content); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, in, content.N+1); err != nil {
		return errGitEnded
	}
	return nil
}

// read finds the digests of files and the targets of links. A blob's id is that of its content, so a digest found once
// holds for ever.
func (r *repository) read(ctx context.Context, entries []entry, cache *statCache) error {
	var names []string
	users := map[string][]int{} // of a blob: the entries that it is the content of
	for i := range entries {
		e := &entries[i]
		if e.target == "" {
			if sum, ok := cache.find(e.oid, stat{}); ok {
				e.sum = sum
				continue
			}
		}
		if users[e.oid] == nil {
			names = append(names, e.oid)
		}
		users[e.oid] = append(users[e.oid], i)
	}
	return r.blobs(ctx, names, func(i int, kind string, size int64, content io.Reader) error {
		of := users[names[i]]
		first := entries[of[0]]
		if kind != "blob" {
			return missing(first.path, names[i])
		}
		h := newHash()
		var head bytes.Buffer
		keep := int64(max(lfsSize, unpack.Default.PathLen))
		if _, err := io.Copy(h, io.TeeReader(io.LimitReader(content, keep), &head)); err != nil {
			return errGitEnded
		}
		if _, err := io.Copy(h, content); err != nil {
			return errGitEnded
		}
		for _, n := range of {
			if err := settle(&entries[n], h.sum(), size, head.Bytes()); err != nil {
				return err
			}
		}
		return nil
	})
}

// settle completes an entry by its content.
func settle(e *entry, sum sum, size int64, head []byte) error {
	switch {
	case e.target != "":
		e.target = string(head)
		return nil
	case size != e.size:
		return missing(e.path, e.oid)
	case size <= lfsSize && bytes.HasPrefix(head, []byte(lfsPointer)):
		return fault.AppError("source/lfs-pointer", fmt.Errorf("reading source: %q is kept in Git LFS, and the repository only points to it", e.path),
			"commit the file itself, or leave it out with .slugignore").At("%s", e.path)
	}
	e.sum = sum
	return nil
}

// missing is the error for a blob that is not in the repository, as in a shallow or partial clone.
func missing(name, oid string) error {
	return unreadable(name, fmt.Errorf("the content of %q (%s) is not in the repository", name, oid),
		"fetch all objects with `git fetch --refetch --no-filter`: a partial clone lacks some")
}

// stage writes the entries from the repository.
func (g *gitTree) stage(ctx context.Context, s *Source, w *unpack.Writer) error {
	var files []entry
	var names []string
	for _, e := range s.entries {
		if e.target != "" {
			if err := w.Symlink(e.path, e.target); err != nil {
				return err
			}
			continue
		}
		files = append(files, e)
		names = append(names, e.oid)
	}
	return g.blobs(ctx, names, func(i int, kind string, size int64, content io.Reader) error {
		e := files[i]
		if kind != "blob" || size != e.size {
			return missing(e.path, e.oid)
		}
		return hashed(w, e, content)
	})
}
