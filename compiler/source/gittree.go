package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"slugc/buildpacks/git"
	"slugc/detect"
	"slugc/detect/ignore"
)

// maxIgnoredFactor bounds how many entries of a tree are listed, including those that .slugignore
// leaves out: that many times the limit of files.
const maxIgnoredFactor = 4

// gitTree is a source in a git repository, the first of repos. The others are its submodules'.
type gitTree struct {
	repos    []*repository
	listings []listing
	root     string // the tree, or a commit, that the app's directory is in
	temp     string // where files are checked out that attributes convert
}

func (g *gitTree) close() error { return nil }

func (s *Source) openGit(ctx context.Context, spec Spec, sub string) error {
	r, err := openRepository(spec.Dir, spec.Env)
	if err != nil {
		return err
	}
	commit, root, err := r.resolve(ctx, spec.Ref)
	if err != nil {
		return err
	}
	tree, err := r.subtree(ctx, root, sub)
	if err == nil && sub != "" && spec.Select != nil {
		if err = s.selectIn(ctx, spec, r, root, sub); err == nil && s.taken != nil {
			sub = subOf(s.taken.Root)
			tree, err = r.subtree(ctx, root, sub)
		}
	}
	if err != nil {
		return err
	}
	rules, err := r.ignoring(ctx, tree, s.Member())
	if err != nil {
		return err
	}
	l := &lister{tally: tally{limits: s.o.Limits}, tree: newIgnoringTree(rules), taken: s.taken}
	links, err := l.list(ctx, r, tree, "", sub)
	if err != nil {
		return err
	}
	if err := l.listSubmodules(ctx, spec, links, root, sub); err != nil {
		return err
	}
	if err := sortEntries(l.entries); err != nil {
		return err
	}
	g := &gitTree{l.repos, l.listings, root, spec.Temp}
	cache := loadCache(s.o.StatCache)
	if err := g.read(ctx, l.entries, cache); err != nil {
		return err
	}
	if err := g.follow(ctx, l); err != nil {
		return err
	}
	if err := sortEntries(l.entries); err != nil {
		return err
	}
	if s.warnings, err = g.convert(ctx, l.entries, cache); err != nil {
		return err
	}
	t := tally{limits: s.o.Limits}
	for _, e := range l.entries {
		// Again, now that the targets of links are known.
		if err := t.add(e); err != nil {
			return err
		}
	}
	s.entries, s.ignored, s.commit, s.origin = l.entries, l.tree.count(), commit, g
	s.remember(cache)
	return nil
}

// selectIn asks Spec.Select about the app in the directory sub.
func (s *Source) selectIn(ctx context.Context, spec Spec, r *repository, root, sub string) error {
	around, err := r.aroundTree(ctx, root)
	if err != nil {
		return err
	}
	defer around.close()
	return s.selects(spec, around, sub)
}

// ignoring reads the rules of a tree, of which member is the app's directory, "" for all of it.
func (r *repository) ignoring(ctx context.Context, tree, member string) (i ignoring, err error) {
	names := []string{tree + ":" + ignoreFile}
	if member != "" {
		i.member = member + "/"
		names = append(names, tree+":"+i.member+ignoreFile)
	}
	err = r.blobs(ctx, names, func(n int, kind string, size int64, content io.Reader) error {
		if kind != "blob" {
			return nil // missing, or a directory
		}
		data, err := io.ReadAll(io.LimitReader(content, ignore.MaxBytes+1))
		if err != nil {
			return err
		}
		rules, err := parseIgnore(data)
		if n == 0 {
			i.root = rules
		} else {
			i.own = rules
		}
		return err
	})
	return i, err
}

// lister collects the entries of trees as git lists them.
type lister struct {
	tally   tally
	tree    *ignoringTree
	taken   *detect.Selection // of the first listing's; nil for all of it
	seen    int
	entries []entry

	repos    []*repository
	listings []listing
	listing  *listing  // the one that is being made
	links    []gitlink // of the tree being listed
}

// listing is one tree as git lists it: the app's, or a submodule's.
type listing struct {
	repo   int    // index in repos
	prefix string // of its paths in the source; "" or with a slash at the end
	base   string // of its paths in the repository
	whole  bool   // attrs are those of the whole repository
	attrs  []blob // the .gitattributes in it, ignored or not, by their paths in the repository
}

// blob is a file in a repository.
type blob struct{ path, oid string }

// gitlink is a submodule in a tree.
type gitlink struct{ path, oid string }

// list collects the entries of a tree of r that lies at prefix in the source, and at base in the
// repository, and returns its submodules that are not ignored. It streams the listing, so that a bomb
// is cut off at the limits with little memory. Git also lists directories (-t), because in a very deep
// tree the first file comes too late.
func (l *lister) list(ctx context.Context, r *repository, tree, prefix, base string) ([]gitlink, error) {
	repo := slices.Index(l.repos, r)
	if repo < 0 {
		repo = len(l.repos)
		l.repos = append(l.repos, r)
	}
	if base != "" {
		base += "/"
	}
	l.listings = append(l.listings, listing{repo: repo, prefix: prefix, base: base})
	l.listing, l.links = &l.listings[len(l.listings)-1], nil
	err := r.lines(ctx, tree, l)
	return l.links, err
}

// lines passes the lines of a tree's listing to l.
func (r *repository) lines(ctx context.Context, tree string, l *lister) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, stderr := r.command(ctx, "ls-tree", "-r", "-t", "-z", "-l", "--full-tree", tree)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("running git: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running git: %w", err)
	}
	lines := bufio.NewReaderSize(out, 64<<10+l.tally.limits.PathLen)
	for {
		line, rerr := lines.ReadSlice(0)
		if rerr == bufio.ErrBufferFull {
			rerr = errTooLarge("tree", "has a path that is too long")
		} else if rerr == nil {
			rerr = l.line(string(bytes.TrimSuffix(line, []byte{0})))
		}
		if rerr == io.EOF {
			break
		}
		if rerr != nil {
			cancel()
			cmd.Wait() // killed: its status says nothing
			return rerr
		}
	}
	if err := cmd.Wait(); err != nil {
		err = errGit(ctx, "ls-tree", err, stderr)
		if _, ok := errors.AsType[*git.Error](err); ok {
			return errUnreadable("", err, r.hint)
		}
		return err
	}
	return nil
}

// line reads a line of the listing, `mode type oid size<TAB>path`. See git-ls-tree(1), OUTPUT
// FORMAT.
func (l *lister) line(line string) error {
	head, name, ok := strings.Cut(line, "\t")
	own := name
	name = l.listing.prefix + name
	fields := strings.Fields(head)
	if !ok || len(fields) != 4 {
		return errUnreadable("", fmt.Errorf("git ls-tree: unexpected line %q", line), l.hint())
	}
	if l.seen++; l.seen > maxIgnoredFactor*l.tally.limits.Files {
		return errTooLarge(name, "is one entry too many, ignored ones included")
	}
	if err := l.tally.limits.CheckName(name); err != nil {
		return asFault(err)
	}
	if slices.Contains(strings.Split(name, "/"), ".git") {
		return errRefused(name, "is inside a .git, which git itself doesn't commit")
	}
	if fields[1] == "tree" {
		return nil
	}
	isRules := name == ignoreFile || name == l.tree.member+ignoreFile
	if isRules && fields[0] != "100644" && fields[0] != "100755" && fields[0] != "100664" {
		return errNotRegular(name)
	}
	if fields[1] == "commit" {
		return l.link(gitlink{name, fields[2]})
	}
	if path.Base(own) == attributesFile && strings.HasPrefix(fields[0], "100") && git.IsID(fields[2]) {
		l.listing.attrs = append(l.listing.attrs, blob{l.listing.base + own, fields[2]})
	}
	if l.taken != nil && !l.taken.Takes(name, false) || l.tree.file(name) {
		return nil
	}
	if err := l.tree.err(); err != nil {
		return errIgnore(err)
	}
	mode, err := strconv.ParseUint(fields[0], 8, 32)
	if err != nil {
		return errUnreadable(name, fmt.Errorf("git ls-tree: unexpected mode %q", fields[0]), l.hint())
	}
	return l.add(name, mode, fields[2], fields[3])
}

// hint is what to do about a repository that is not as it should be.
func (l *lister) hint() string { return l.repos[l.listing.repo].hint }

// link keeps a submodule. To .slugignore it is a directory.
func (l *lister) link(link gitlink) error {
	switch {
	case path.Clean(link.path) != link.path || !git.IsID(link.oid):
		return errRefused(link.path, "is a submodule of a form that git doesn't make")
	case l.taken != nil && !l.taken.Takes(link.path, true), l.tree.dir(link.path):
		return nil
	case len(l.links) == maxSubmodules:
		return errTooManySubmodules(link.path)
	}
	l.links = append(l.links, link)
	return nil
}

// add checks and keeps a file or link.
func (l *lister) add(name string, mode uint64, oid, size string) error {
	e := entry{path: name, oid: oid, repo: l.listing.repo, listing: len(l.listings) - 1, exec: mode&0o100 != 0}
	switch mode & 0o170000 {
	case 0o100000, 0o120000:
	default:
		return errRefused(name, fmt.Sprintf("has mode %o, which git doesn't know", mode))
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 0 || !git.IsID(oid) {
		return errUnreadable(name, fmt.Errorf("git ls-tree: %q has no content", name), l.hint())
	}
	e.size = n
	if mode&0o170000 == 0o120000 {
		if n > int64(l.tally.limits.PathLen) || n == 0 {
			return errRefused(name, fmt.Sprintf("is a link with a target of %d bytes", n))
		}
		// The target is set when the blob is read; until then, one that passes the checks.
		e.target, e.size, e.exec = ".", 0, false
	}
	if err := l.tally.add(e); err != nil {
		return err
	}
	l.entries = append(l.entries, e)
	return nil
}
