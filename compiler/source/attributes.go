package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"slugc/buildpacks/git"
	"slugc/cache/unpack"
)

// attributesFile names the files with attributes, see gitattributes(5).
const attributesFile = ".gitattributes"

// converting are what an attribute is called, or is set to, by which a checkout writes something else
// than the blob. A file of attributes without one of these is not looked at.
var converting = []string{"eol=crlf", "ident", "working-tree-encoding", "filter"}

// maxAttributes bounds the files of attributes of one tree, together.
const maxAttributes = 8 << 20

// convert sets sizes and digests of the entries that a checkout would convert to those of the
// converted content, so that a git tree is what a clone of it is. It returns a warning for each filter
// that it does not run.
func (g *gitTree) convert(ctx context.Context, entries []entry, cache *statCache) (warnings []string, err error) {
	for n := range g.listings {
		l := &g.listings[n]
		if err := g.above(ctx, l); err != nil {
			return nil, err
		}
		if ok, err := g.converts(ctx, l); err != nil || !ok {
			if err != nil {
				return nil, err
			}
			continue
		}
		c, err := g.newWorkCopy(ctx, l)
		if err != nil {
			return nil, err
		}
		filters, err := c.attributes(ctx, entries, n)
		if err == nil {
			err = c.digest(ctx, entries, n, cache)
		}
		if err = errors.Join(err, c.close()); err != nil {
			return nil, err
		}
		warnings = append(warnings, warnFilters(filters)...)
	}
	return warnings, nil
}

// above adds the files of attributes in the directories above the app's.
func (g *gitTree) above(ctx context.Context, l *listing) error {
	if l.base == "" || l.whole {
		return nil
	}
	args := []string{"ls-tree", "-z", "--full-tree", g.root, "--", attributesFile}
	for dir := path.Dir(path.Clean(l.base)); dir != "."; dir = path.Dir(dir) {
		args = append(args, path.Join(dir, attributesFile))
	}
	cmd, stderr := g.repos[l.repo].command(ctx, args...)
	out := &git.Output{Limit: 1 << 20}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return errGit(ctx, "ls-tree", err, stderr)
	}
	for line := range strings.SplitSeq(out.String(), "\x00") {
		head, name, _ := strings.Cut(line, "\t")
		if fields := strings.Fields(head); len(fields) == 3 && strings.HasPrefix(fields[0], "100") {
			l.attrs = append(l.attrs, blob{name, fields[2]})
		}
	}
	return nil
}

// converts reports whether the attributes of a tree may convert anything.
func (g *gitTree) converts(ctx context.Context, l *listing) (found bool, err error) {
	var names []string
	for _, a := range l.attrs {
		names = append(names, a.oid)
	}
	var total int64
	err = g.repos[l.repo].blobs(ctx, names, func(i int, kind string, size int64, content io.Reader) error {
		if total += size; kind != "blob" || total > maxAttributes {
			return errTooLarge(
				l.attrs[i].path,
				fmt.Sprintf("brings the attributes above %s", unpack.Size(maxAttributes)),
			)
		}
		text, err := io.ReadAll(content)
		for _, word := range converting {
			found = found || bytes.Contains(text, []byte(word))
		}
		return err
	})
	return found, err
}

// asked are the attributes that decide about a conversion.
var asked = []string{"text", "eol", "ident", "working-tree-encoding", "filter"}

// attributes sets how the entries of a listing are converted. It returns the names of filters and the
// files that they are for. Git LFS is apart: what it leaves in a repository is recognised.
func (c *workCopy) attributes(ctx context.Context, entries []entry, listing int) (map[string][]string, error) {
	at := map[string]int{}
	var names strings.Builder
	for i, e := range entries {
		if e.listing == listing && e.target == "" {
			at[c.place(e)] = i
			names.WriteString(c.place(e) + "\x00")
		}
	}
	filters := map[string][]string{}
	values, last := map[string]string{}, ""
	use := func() {
		if i, ok := at[last]; ok {
			e := &entries[i]
			e.convert = conversion(values)
			if f := values["filter"]; !slices.Contains([]string{"unspecified", "unset", "set", "lfs"}, f) {
				filters[f] = append(filters[f], e.path)
			}
		}
	}
	args := append([]string{"check-attr", "--cached", "-z", "--stdin"}, asked...)
	err := c.records(ctx, names.String(), 3, func(r []string) {
		if r[0] != last {
			if last != "" {
				use()
			}
			last = r[0]
		}
		values[r[1]] = r[2]
	}, args...)
	if last != "" {
		use()
	}
	return filters, err
}

// conversion returns how a checkout on Linux converts a blob with these attributes; "" if it does not.
func conversion(values map[string]string) string {
	encoding := values["working-tree-encoding"]
	switch {
	case values["ident"] == "set",
		values["eol"] == "crlf" && values["text"] != "unset",
		encoding != "unspecified" && encoding != "unset":
	default:
		return ""
	}
	return fmt.Sprintf("%s %s %s %s", values["text"], values["eol"], values["ident"], encoding)
}

// warnFilters names the filters that are not run.
func warnFilters(filters map[string][]string) (warnings []string) {
	for _, name := range slices.Sorted(maps.Keys(filters)) {
		verb := "is"
		if len(filters[name]) > 1 {
			verb = "are"
		}
		warnings = append(
			warnings,
			fmt.Sprintf("The filter %q in .gitattributes is not run: %s %s in the slug as the "+
				"repository has the content.", name, listed(filters[name]), verb),
		)
	}
	return warnings
}
