package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/git"
	"slugc/cache/unpack"
)

// workCopy is a work tree into which git writes the files of a listing that attributes convert. Its
// repository is empty but for the objects of the listing's: no configuration, filter or hook of that
// counts, so that git converts and runs nothing.
type workCopy struct {
	*repository
	listing *listing
	temp    string
	root    *os.Root
}

// newWorkCopy makes a work tree with the attributes of a listing in its index.
func (g *gitTree) newWorkCopy(ctx context.Context, l *listing) (*workCopy, error) {
	if g.temp == "" {
		return nil, errors.New("reading attributes: there is no directory to check out into")
	}
	if err := os.MkdirAll(g.temp, 0o700); err != nil {
		return nil, fmt.Errorf("reading attributes: %w", err)
	}
	temp, err := os.MkdirTemp(g.temp, ".checkout-*")
	if err != nil {
		return nil, fmt.Errorf("reading attributes: %w", err)
	}
	c := &workCopy{listing: l, temp: temp}
	if err := c.init(ctx, g.repos[l.repo]); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// init makes the repository; see gitrepository-layout(5).
func (c *workCopy) init(ctx context.Context, from *repository) error {
	objects, err := from.firstLine(ctx, "rev-parse", "--path-format=absolute", "--git-path", "objects")
	if err != nil {
		return err
	}
	config := "[core]\n\tprotectNTFS = false\n\tprotectHFS = false\n\trepositoryFormatVersion = 0\n"
	if len(c.listing.attrs[0].oid) == 64 {
		config = strings.Replace(config, "= 0", "= 1", 1) + "[extensions]\n\tobjectFormat = sha256\n"
	}
	store, tree := filepath.Join(c.temp, "git"), filepath.Join(c.temp, "tree")
	for _, dir := range []string{store, filepath.Join(store, "objects"), filepath.Join(store, "refs"), tree} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"HEAD": "ref: refs/heads/main\n", "config": config} {
		if err := os.WriteFile(filepath.Join(store, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if c.root, err = os.OpenRoot(tree); err != nil {
		return err
	}
	c.repository = newRepository(from.program, from.search, tree)
	c.hint = from.hint
	c.env = append(append(c.env, git.Pick(from.env, "GIT_ALTERNATE_OBJECT_DIRECTORIES")...),
		"GIT_DIR="+store, "GIT_WORK_TREE="+tree, "GIT_OBJECT_DIRECTORY="+objects, "GIT_ATTR_NOSYSTEM=1")
	return c.add(ctx, c.listing.attrs)
}

func (c *workCopy) close() error {
	if c.root != nil {
		_ = c.root.Close()
	}
	return os.RemoveAll(c.temp)
}

// place is where a file is in the repository.
func (c *workCopy) place(e entry) string { return c.listing.base + e.path[len(c.listing.prefix):] }

// add adds files to the index.
func (c *workCopy) add(ctx context.Context, files []blob) error {
	var list strings.Builder
	for _, f := range files {
		fmt.Fprintf(&list, "100644 %s\t%s\x00", f.oid, f.path)
	}
	return c.records(ctx, list.String(), 1, func([]string) {}, "update-index", "-z", "--add", "--index-info")
}

// write checks these entries out.
func (c *workCopy) write(ctx context.Context, entries []*entry) error {
	var files []blob
	var names strings.Builder
	for _, e := range entries {
		files = append(files, blob{c.place(*e), e.oid})
		names.WriteString(c.place(*e) + "\x00")
	}
	err := c.add(ctx, files)
	if err == nil {
		err = c.records(ctx, names.String(), 1, func([]string) {}, "checkout-index", "-q", "-f", "-z", "--stdin")
	}
	if _, ok := errors.AsType[*git.Error](err); ok {
		return errUnreadable(attributesFile, err, "`git clone` of the repository shows the same")
	}
	return err
}

// records runs git with some input and calls use for every n fields of its output that NULs end.
func (c *workCopy) records(ctx context.Context, in string, n int, use func([]string), args ...string) error {
	cmd, stderr := c.command(ctx, args...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("running git: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running git: %w", err)
	}
	lines := bufio.NewReaderSize(out, 64<<10)
	record := make([]string, 0, n)
	for {
		field, err := lines.ReadString(0)
		if err != nil {
			break
		}
		if record = append(record, strings.TrimSuffix(field, "\x00")); len(record) == n {
			use(record)
			record = record[:0]
		}
	}
	if err := cmd.Wait(); err != nil {
		return errGit(ctx, args[0], err, stderr)
	}
	return nil
}

// open opens a file that write has written.
func (c *workCopy) open(e entry) (*os.File, int64, error) {
	f, err := c.root.OpenFile(c.place(e), openFlags, 0)
	if err != nil {
		return nil, 0, errUnreadable(e.path, fmt.Errorf("git has not checked out %q: %w", e.path, err), c.hint)
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// digest sets size and digest of the entries of a listing that are converted.
func (c *workCopy) digest(ctx context.Context, entries []entry, listing int, cache *statCache) error {
	var unknown []*entry
	for i := range entries {
		e := &entries[i]
		if e.listing != listing || e.convert == "" {
			continue
		}
		size, sum, ok := cache.converted(*e)
		if !ok {
			unknown = append(unknown, e)
			continue
		}
		e.size, e.sum = size, sum
	}
	if len(unknown) == 0 {
		return nil
	}
	if err := c.write(ctx, unknown); err != nil {
		return err
	}
	for _, e := range unknown {
		f, size, err := c.open(*e)
		if err != nil {
			return err
		}
		h := newHash()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return fmt.Errorf("reading %q: %w", e.path, err)
		}
		e.size, e.sum = size, h.sum()
	}
	return nil
}

// stageConverted writes the entries that a checkout converts.
func (g *gitTree) stageConverted(ctx context.Context, s *Source, w *unpack.Writer) error {
	for n := range g.listings {
		var list []*entry
		for i := range s.entries {
			if e := &s.entries[i]; e.listing == n && e.convert != "" {
				list = append(list, e)
			}
		}
		if len(list) == 0 {
			continue
		}
		c, err := g.newWorkCopy(ctx, &g.listings[n])
		if err == nil {
			err = errors.Join(c.stage(ctx, list, w), c.close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stage writes entries into w as git checks them out.
func (c *workCopy) stage(ctx context.Context, list []*entry, w *unpack.Writer) error {
	if err := c.write(ctx, list); err != nil {
		return err
	}
	for _, e := range list {
		f, _, err := c.open(*e)
		if err != nil {
			return err
		}
		err = writeHashed(w, *e, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
