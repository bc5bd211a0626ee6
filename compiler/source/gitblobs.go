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
)

// blobFunc takes an object: the index of its name, its kind ("missing" if it is not there), its
// size and its content, of which it need not read all.
type blobFunc func(i int, kind string, size int64, content io.Reader) error

// blobs reads objects from git, in order, and calls each for every one.
func (r *repository) blobs(ctx context.Context, names []string, each blobFunc) error {
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
			return errUnreadable("", errGit(ctx, "cat-file", errors.Join(err, waited), stderr), r.hint)
		}
		return err
	}
	if err := cmd.Wait(); err != nil {
		return errGit(ctx, "cat-file", err, stderr)
	}
	return nil
}

// errGitEnded is the error when git's output ends too early or is malformed.
var errGitEnded = errors.New("ended early")

// object reads one answer: `oid type size`, the content and a newline; or the name and `missing`.
// See git-cat-file(1), BATCH OUTPUT.
func object(in *bufio.Reader, i int, each blobFunc) error {
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
	size, err := strconv.ParseInt(fields[2], 10, 63) // one bit less: the newline counts too
	if err != nil || size < 0 {
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

// read sets the digests of files and the targets of links. A blob's id depends on its content
// alone, so a remembered digest stays true.
func (g *gitTree) read(ctx context.Context, entries []entry, cache *statCache) error {
	for n, r := range g.repos {
		var names []string
		users := map[string][]int{} // entries, by the blob that is their content
		for i := range entries {
			e := &entries[i]
			if e.repo != n {
				continue
			}
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
		err := r.blobs(ctx, names, func(i int, kind string, size int64, content io.Reader) error {
			return g.readBlob(entries, users[names[i]], kind, size, content)
		})
		if err != nil {
			return err
		}
	}
	return refusePointers(entries)
}

// readBlob reads the blob that is the content of the entries with the indices in of.
func (g *gitTree) readBlob(entries []entry, of []int, kind string, size int64, content io.Reader) error {
	if kind != "blob" {
		return g.missing(entries[of[0]])
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
	pointer := size < lfsSize && isPointer(head.Bytes())
	for _, n := range of {
		e := &entries[n]
		switch {
		case e.target != "":
			e.target = head.String()
		case size != e.size:
			return g.missing(*e)
		default:
			e.sum, e.pointer = h.sum(), pointer
		}
	}
	return nil
}

// missing is the error for a blob that is not in its repository: a shallow or partial clone lacks
// some.
func (g *gitTree) missing(e entry) error {
	hint := "fetch all objects with `git fetch --refetch --no-filter`: a partial clone lacks some"
	if e.repo > 0 {
		hint = g.repos[e.repo].hint
	}
	return errUnreadable(e.path, fmt.Errorf("the content of %q (%s) is not in the repository", e.path, e.oid), hint)
}

// stage writes the entries from their repositories.
func (g *gitTree) stage(ctx context.Context, s *Source, w *unpack.Writer) error {
	files, names := make([][]entry, len(g.repos)), make([][]string, len(g.repos))
	for _, e := range s.entries {
		if e.target != "" {
			if err := w.Symlink(e.path, e.target); err != nil {
				return err
			}
			continue
		}
		if e.convert != "" {
			continue
		}
		files[e.repo] = append(files[e.repo], e)
		names[e.repo] = append(names[e.repo], e.oid)
	}
	for n, r := range g.repos {
		err := r.blobs(ctx, names[n], func(i int, kind string, size int64, content io.Reader) error {
			e := files[n][i]
			if kind != "blob" || size != e.size {
				return g.missing(e)
			}
			return writeHashed(w, e, content)
		})
		if err != nil {
			return err
		}
	}
	return g.stageConverted(ctx, s, w)
}
