package source

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"slugc/buildpacks/git"
	"slugc/cache/unpack"
	"slugc/compiler/fault"
)

// Submodules says which submodules of a git source are fetched. The zero value refuses all. Nothing
// is fetched for a directory or a tarball: either has the files of its submodules, or does not.
type Submodules struct {
	// Allow holds URLs, exact or with a * at the end that stands for any rest:
	// https://example.com/acme/*, file:///srv/git/*, git@example.com:acme/*. The protocol, the host
	// and, for ssh, the user must be those of the submodule's URL. A relative URL in .gitmodules is
	// relative to the repository's own, which for the source is the file URL of its directory.
	Allow []string
	// Cache is a directory that keeps what was fetched; it is made if it is missing. A commit that
	// is there is not fetched again. Only one Open at a time may use it.
	Cache string
	// Timeout bounds the time to fetch one submodule; 0 for five minutes.
	Timeout time.Duration
	// Fetching, if not nil, is called before a submodule is fetched. The URL has no credentials.
	Fetching func(path, url string)
}

const (
	maxSubmodules  = 100      // of one source, including nested ones
	maxNesting     = 4        // submodules in submodules, including the first
	maxModulesSize = 64 << 10 // bytes of a .gitmodules
	modulesFile    = ".gitmodules"
)

// checkout is a tree in which submodules were found.
type checkout struct {
	repo  *repository
	root  string     // the tree, or a commit, that has the .gitmodules
	sub   string     // the directory in the tree that was listed, with a slash at the end; "" for all
	at    string     // where sub is in the source, with a slash at the end; "" for its root
	url   git.Remote // what relative URLs are relative to
	depth int        // number of submodules around it
}

// listSubmodules fetches the submodules of a source, and theirs, and lists each at its path.
func (l *lister) listSubmodules(ctx context.Context, spec Spec, links []gitlink, root, sub string) error {
	if len(links) == 0 {
		return nil
	}
	f, err := newFetcher(spec, l.repos[0], l.tally.limits.Bytes)
	if err != nil {
		return err
	}
	if sub != "" {
		sub += "/"
	}
	host := l.repos[0]
	c := checkout{repo: host, root: root, sub: sub, url: git.Remote{Scheme: "file", Path: host.dir}}
	return l.enter(ctx, f, c, links)
}

// enter fetches and lists the submodules with these links in c, and theirs.
func (l *lister) enter(ctx context.Context, f *fetcher, c checkout, links []gitlink) error {
	if len(links) == 0 {
		return nil
	}
	if c.depth == maxNesting {
		return errRefused(
			links[0].path,
			fmt.Sprintf("is a submodule inside %d others, which is as deep as they are followed", maxNesting),
		)
	}
	modules, err := c.modules(ctx)
	if err != nil {
		return err
	}
	for _, link := range links {
		if f.seen++; f.seen > maxSubmodules {
			return errTooManySubmodules(link.path)
		}
		url, err := modules.url(c.sub+strings.TrimPrefix(link.path, c.at), link.path)
		if err != nil {
			return err
		}
		from, err := f.allowed(link.path, url, c.url)
		if err != nil {
			return err
		}
		repo, err := f.repository(ctx, link, from)
		if err != nil {
			return err
		}
		at := link.path + "/"
		below, err := l.list(ctx, repo, link.oid, at, "")
		if err != nil {
			return err
		}
		inner := checkout{repo: repo, root: link.oid, at: at, url: from, depth: c.depth + 1}
		if err := l.enter(ctx, f, inner, below); err != nil {
			return err
		}
	}
	return nil
}

// errTooManySubmodules is the error for the first submodule above the limit.
func errTooManySubmodules(name string) error {
	return errTooLarge(name, fmt.Sprintf("is one submodule too many; %d are allowed", maxSubmodules))
}

// errSubmodule is the error for a submodule that is not fetched; reason completes the sentence `the
// submodule "path" …`.
func errSubmodule(name string, reason error, hints ...string) error {
	return fault.AppError("source/submodule", fmt.Errorf("reading source: the submodule %q %w", name, reason),
		append(hints, "or commit the files themselves, or leave it out with .slugignore")...).At("%s", name)
}

// modules are the submodules in a .gitmodules.
type modules []git.Module

// modules reads the .gitmodules of c by git, because it has the syntax of git's configuration.
func (c checkout) modules(ctx context.Context) (modules, error) {
	place := path.Join(c.at, modulesFile)
	line, err := c.repo.firstLine(ctx, "ls-tree", "-z", "-l", "--full-tree", c.root, "--", modulesFile)
	if _, ok := errors.AsType[*git.Error](err); ok {
		return nil, errUnreadable(place, err, c.repo.hint)
	}
	if err != nil || line == "" {
		return nil, err
	}
	head, _, _ := strings.Cut(line, "\t")
	fields := strings.Fields(head)
	if len(fields) != 4 || !strings.HasPrefix(fields[0], "100") || !git.IsID(fields[2]) {
		return nil, errNotRegular(place)
	}
	tooLarge := errTooLarge(place, fmt.Sprintf("is larger than %s", unpack.Size(maxModulesSize)))
	if size, err := strconv.Atoi(fields[3]); err != nil || size > maxModulesSize {
		return nil, tooLarge
	}
	cmd, stderr := c.repo.command(ctx, "config", "--blob", fields[2], "-z", "--list")
	// Git repeats a section's name for each of its keys.
	out := &git.Output{Limit: 8 * maxModulesSize}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		if err = errGit(ctx, "config", err, stderr); ctx.Err() != nil {
			return nil, err
		}
		return nil, fault.AppError("source/gitmodules-invalid", fmt.Errorf("reading %q: %w", place, err),
			"`git submodule status` in a clone shows the same").At("%s", place)
	}
	if len(out.Bytes()) == out.Limit {
		return nil, tooLarge
	}
	return git.ParseModules(out.Bytes()), nil
}

// url returns the URL of the submodule at a path in its repository; name is its path in the source.
func (ms modules) url(at, name string) (string, error) {
	var found *git.Module
	for i := range ms {
		if ms[i].Path != at {
			continue
		}
		if found != nil || ms[i].Twice {
			return "", errSubmodule(
				name,
				errors.New("is in .gitmodules more than once"),
				"let .gitmodules name it, its path and its URL once",
			)
		}
		found = &ms[i]
	}
	switch {
	case found == nil || found.URL == "":
		return "", errSubmodule(name, errors.New("has no URL in .gitmodules"),
			"`git submodule add URL PATH` writes one")
	case strings.HasPrefix(at, "-"):
		return "", errSubmodule(name, errors.New("has a path that starts with a dash"), "`git mv` it elsewhere")
	}
	for part := range strings.FieldsFuncSeq(found.Name, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == ".." {
			return "", errSubmodule(
				name,
				fmt.Errorf("is called %q in .gitmodules, which leads out of a repository", found.Name),
				"give it another name in .gitmodules",
			)
		}
	}
	return found.URL, nil
}
