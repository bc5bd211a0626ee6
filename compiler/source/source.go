// Package source stages a source tree: [Open] finds out a source's digest, [Source.Stage] makes a
// private, writable copy of it, a [Tree].
//
//	s, err := source.Open(ctx, source.Spec{Kind: source.Dir, Dir: "/srv/hello"}, source.Options{})
//	defer s.Close()
//	// s.Digest() identifies what there is to build
//	tree, err := s.Stage(ctx, "/var/build/app")
//
// A source is a directory, a tree in a git repository, or a tarball. Equal trees have equal digests
// whatever the kind: the digest covers, after the ignore rules, the sorted paths, what each is
// (file, executable, link) and its content or target. Directories do not count, as in git, and an
// empty one is not staged.
//
// An app that is a member of something larger is staged with what it uses ([Spec.Select]). The tree is then
// the directory that holds all of that, less what was not selected, and the app is a directory in it
// ([Source.Member]), which the digest covers too:
//
//	spec := source.Spec{Kind: source.Dir, Dir: "/srv/shop", Subdir: "apps/api", Select: detect.Select}
//	// s.Member() is "apps/api", and the tree has apps/api and packages/lib
//
// Ignore rules: .git is left out at any depth, and so is what .slugignore at the root of the app
// lists, in the syntax of gitignore(5). Of a directory in a git work tree, what git ignores is left
// out too, unless it is tracked: the rules are those of every .gitignore, of info/exclude and of
// core.excludesFile, and a submodule has its own. Git lists its index only if a rule matches
// something, and runs nothing that a repository names; without a repository it is not asked. A
// directory that git ignores itself is taken whole.
//
// A git tree is what a clone of it holds: attributes for line ends, ident and encodings are applied,
// by git, in a work tree without any configuration. Filters are named and not run. export-ignore and
// export-subst are for archives and have no effect.
//
// The original is only read. A link stays a link if it leads to a place in the tree, also by an
// absolute path below /app. One that leads out of a Subdir to another place of the source is replaced
// by the file or directory that is there. What a slug cannot hold is refused by name: devices, FIFOs,
// sockets, and all other links.
//
// Git keeps some files elsewhere. A submodule with an allowed URL ([Submodules]) is fetched, and
// its files belong to the tree like all others, for the ignore rules, the limits and the digest.
// Any other submodule is refused. A pointer that Git LFS commits in place of a file is refused in a
// git tree, because the file is not in the repository. In a directory or a tarball it is an
// ordinary file, with a warning.
//
// The package does not know languages: what a tree contains is for package detect.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"slugc/cache/digest"
	"slugc/cache/unpack"
	"slugc/compiler/fault"
	"slugc/detect"
)

// runDir is where a slug runs, so that a link may say where its target is then.
const runDir = "/app"

// Kind is where a source comes from.
type Kind int

// The kinds of source.
const (
	Dir     Kind = iota // a directory
	Git                 // a tree in a git repository
	Tarball             // an archive: tar, compressed or not, or zip
)

// Spec names a source.
type Spec struct {
	Kind   Kind
	Dir    string    // Dir: the directory; Git: a work tree's root, or a bare repository
	Ref    string    // Git: a revision, "" for HEAD; a commit, a tag, or a tree
	Subdir string    // the app's directory in the source, slash-separated; "" for all of it
	Reader io.Reader // Tarball: the archive; if it holds only one directory, that is the source
	// Temp is a directory to unpack a tarball in, best on the file system of Stage's dest, or to convert
	// files of a git tree in. For a tarball it must exist.
	Temp string
	// Env is of git: it has PATH; Dir: and HOME and XDG_CONFIG_HOME; Git: and proxies, certificates, and
	// the object directories of a push in quarantine.
	Env []string

	IncludeIgnored bool // Dir: with what git ignores

	Submodules Submodules // Git

	// Select is nil, or called where the app's directory is part of something larger: a directory of the
	// source, or of the git work tree around it. around is that, and member where the app is in it. What Select
	// returns is staged instead of the app alone, unless it is nil. Its error is Open's.
	Select func(around fs.FS, member string) (*detect.Selection, error)
}

// Options says how a source is opened. The zero value works.
type Options struct {
	// StatCache is a file that keeps content digests between builds; "" for none. Two sources must
	// not use one at the same time.
	StatCache string
	Limits    unpack.Limits // a zero field takes unpack.Default's
	Workers   int           // how many files are read at once; 0 for 2
	// Listing is for [Source.View]: no file of a directory is read, so that there is no digest, and the source
	// cannot be staged.
	Listing bool
}

// Source is an opened source. Its methods are not for concurrent use.
type Source struct {
	o       Options
	entries []entry // sorted by path, after the ignore rules
	digest  digest.Digest
	commit  string
	ignored int
	leftOut string
	origin  origin
	taken   *detect.Selection // nil for the app alone

	warnings []string // of Open
}

// origin is what differs between the kinds once the entries are known.
type origin interface {
	// stage puts the entries into w.
	stage(ctx context.Context, s *Source, w *unpack.Writer) error
	close() error
}

// Tree is a staged source.
type Tree struct {
	Root     string        // the directory
	Digest   digest.Digest // see [Source.Digest]
	Commit   string        // see [Source.Commit]
	Files    int           // files and links
	Bytes    int64         // content of the files
	Ignored  int           // what .slugignore left out; a directory counts once
	LeftOut  string        // Dir: a line about what git ignores; "" if nothing was left out
	Warnings []string      // each is a sentence
}

// Open opens a source and finds out its digest as cheaply as possible: with a StatCache, an
// unchanged directory costs only its lstats, and an unchanged git tree its listing. It writes only
// StatCache and, for a tarball, below Temp. Of a git tree with submodules it also fetches those
// that are not yet in their Cache. Close the Source.
//
// Errors carry a [fault.Error]: source/not-found, source/ref-not-found, source/subdir-missing,
// source/entry-refused, source/too-large, source/unreadable, source/submodule,
// source/submodule-pattern, source/gitmodules-invalid, source/lfs-pointer; transient,
// source/changing and source/submodule-unreachable; and, if the machine has no git, source/no-git.
func Open(ctx context.Context, spec Spec, o Options) (*Source, error) {
	if o.Workers <= 0 {
		o.Workers = min(2, runtime.NumCPU())
	}
	o.Limits = o.Limits.OrDefault()
	o.Limits.Runs = runDir
	sub, err := cleanSubdir(spec.Subdir)
	if err != nil {
		return nil, err
	}
	s := &Source{o: o}
	switch spec.Kind {
	case Dir:
		err = s.openDir(ctx, spec, sub)
	case Git:
		err = s.openGit(ctx, spec, sub)
	case Tarball:
		err = s.openTarball(ctx, spec, sub)
	default:
		err = fmt.Errorf("opening source: kind %d is unknown", spec.Kind)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	if !o.Listing {
		s.digest = treeDigest(s.entries)
	}
	if s.taken != nil {
		if !o.Listing {
			s.digest = memberDigest(s.digest, s.Member())
		}
		return s, s.hasMember()
	}
	return s, nil
}

// Digest returns the digest of the tree.
func (s *Source) Digest() digest.Digest { return s.digest }

// LeftOut returns a line about what git ignores, "" if nothing was left out. Of a directory only.
func (s *Source) LeftOut() string { return s.leftOut }

// Top returns the names in the root of the tree, sorted.
func (s *Source) Top() (names []string) {
	for _, e := range s.entries {
		name, _, _ := strings.Cut(e.path, "/")
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Commit returns the id of the git commit, "" if the source is not one. For a directory it is
// always "", because comparing a directory with its HEAD costs more than the rest of Open.
func (s *Source) Commit() string { return s.commit }

// Member returns the app's directory in the tree, "" if it is all of it.
func (s *Source) Member() string {
	if s.taken == nil {
		return ""
	}
	return s.taken.In()
}

// Selection returns what Spec.Select has returned, nil for the app alone.
func (s *Source) Selection() *detect.Selection { return s.taken }

// Close releases what Open holds, and removes what a tarball was unpacked to unless Stage has moved
// it.
func (s *Source) Close() error {
	if s == nil || s.origin == nil {
		return nil
	}
	return s.origin.close()
}

// Stage makes the tree at dest, which must not exist; its parent must. Files get mode 0755 or 0644
// by the owner's x bit, whatever the umask. On an error nothing is left. A tarball can be staged
// once, because its files are moved. If the source has changed since Open, the error is transient
// (source/changing): a Tree always has the content of its digest.
func (s *Source) Stage(ctx context.Context, dest string) (*Tree, error) {
	if s.o.Listing {
		return nil, errors.New("staging source: it was opened for a listing")
	}
	if _, err := os.Lstat(dest); err == nil {
		return nil, fmt.Errorf("staging source: %q exists", dest)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dest), ".source-*")
	if err != nil {
		return nil, fmt.Errorf("staging source: %w", err)
	}
	defer os.RemoveAll(tmp)
	root := filepath.Join(tmp, "tree")
	if err := s.fill(ctx, root); err != nil {
		return nil, err
	}
	warnings, err := warn(root, s.entries)
	if err != nil {
		return nil, fmt.Errorf("staging source: %w", err)
	}
	if err := os.Rename(root, dest); err != nil {
		return nil, fmt.Errorf("staging source: %w", err)
	}
	t := &Tree{Root: dest, Digest: s.digest, Commit: s.commit, Files: len(s.entries), Ignored: s.ignored}
	t.LeftOut = s.leftOut
	t.Warnings = append(warnings, s.warnings...)
	for _, e := range s.entries {
		t.Bytes += e.size
	}
	return t, nil
}

// fill makes the tree at root, by moving it there or by writing its entries.
func (s *Source) fill(ctx context.Context, root string) error {
	if t, ok := s.origin.(*tarball); ok {
		if taken, err := t.take(root); taken || err != nil {
			return err
		}
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return fmt.Errorf("staging source: %w", err)
	}
	// Mkdir applies the umask.
	if err := os.Chmod(root, 0o755); err != nil {
		return fmt.Errorf("staging source: %w", err)
	}
	w, err := unpack.NewWriter(root, unpack.Options{Limits: s.o.writing()})
	if err != nil {
		return fmt.Errorf("staging source: %w", err)
	}
	err = s.origin.stage(ctx, s, w)
	if closing := w.Close(); err == nil {
		err = closing
	}
	return asFault(err)
}

// CheckSubdir returns an error if no source can have such a Subdir: a usage fault "source/subdir-missing".
func CheckSubdir(sub string) error {
	_, err := cleanSubdir(sub)
	return err
}

// cleanSubdir checks the path of the app in the source and returns it cleaned, "" for the root.
func cleanSubdir(sub string) (string, error) {
	if sub == "" {
		return "", nil
	}
	clean := path.Clean(sub)
	if path.IsAbs(sub) || clean == ".." || strings.HasPrefix(clean, "../") || strings.IndexByte(sub, 0) >= 0 {
		return "", fault.UsageError(
			"source/subdir-missing",
			fmt.Errorf("opening subdirectory %q: it is not inside the source", sub),
			"name a path relative to the root of the source, such as services/web",
		)
	}
	if clean == "." {
		return "", nil
	}
	return clean, nil
}

// errNoSubdir is the error for a Subdir that is missing.
func errNoSubdir(sub, why string) error {
	return fault.UsageError("source/subdir-missing", fmt.Errorf("opening subdirectory %q: %s", sub, why),
		"name the app's directory relative to the root of the source")
}

// writing returns the limits for staging. They allow for directories, which Open does not count.
func (o Options) writing() unpack.Limits {
	l := o.Limits
	l.Files *= 2
	return l
}
