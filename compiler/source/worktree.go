package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"slugc/buildpacks/git"
	"slugc/cache/disk"
)

// maxListed is how many bytes of names an index may have.
const maxListed = 256 << 20

// workTree is a git work tree that a directory source is in, or one in the source: a submodule's.
type workTree struct {
	dir    string // what is listed of it: the source, or the root of a work tree in the source
	root   string
	gitDir string // has the index
	common string // has the configuration and info/exclude: gitDir, except of a linked work tree
	above  string // from root to dir, with a slash at the end; "" if they are the same
	in     string // where dir is in the source, with a slash at the end; "" for the source itself
	env    []string
	owners []uint32 // whose repositories are asked

	once  sync.Once
	files []string // what the index tracks below dir, sorted
	err   error
}

// findWorkTree returns the work tree that dir is in, nil if it is in none. Like git it does not look
// on other file systems (git(1), GIT_DISCOVERY_ACROSS_FILESYSTEM). A repository of a third party is
// not asked: whoever may write to /tmp could choose there what a slug lacks.
func findWorkTree(dir string, env []string) *workTree {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil
	}
	var st unix.Stat_t
	if unix.Stat(real, &st) != nil {
		return nil
	}
	owners := []uint32{uint32(os.Geteuid()), 0, st.Uid}
	for root := real; ; root = filepath.Dir(root) {
		var at unix.Stat_t
		if unix.Stat(root, &at) != nil || at.Dev != st.Dev {
			return nil
		}
		if w := workTreeAt(root, owners); w != nil {
			w.dir, w.env, w.owners = real, env, owners
			if rel, err := filepath.Rel(root, real); err == nil && rel != "." {
				w.above = filepath.ToSlash(rel) + "/"
			}
			return w
		}
		if root == filepath.Dir(root) {
			return nil
		}
	}
}

// workTreeAt returns the work tree whose root is dir, nil if it is none of these owners'.
func workTreeAt(dir string, owners []uint32) *workTree {
	w := &workTree{dir: dir, root: dir, gitDir: filepath.Join(dir, ".git")}
	st, err := os.Lstat(w.gitDir)
	if err != nil {
		return nil
	}
	if !st.IsDir() { // of a submodule or a linked work tree, see gitrepository-layout(5)
		line, _ := disk.ReadRegular(w.gitDir, 4096)
		to, ok := strings.CutPrefix(strings.TrimRight(string(line), "\r\n"), "gitdir: ")
		if !ok || !owned(st, owners) {
			return nil
		}
		w.gitDir = below(dir, to)
	}
	w.common = w.gitDir
	if line, err := disk.ReadRegular(filepath.Join(w.gitDir, "commondir"), 4096); err == nil {
		w.common = below(w.gitDir, strings.TrimRight(string(line), "\r\n"))
	}
	for _, name := range []string{
		w.gitDir, filepath.Join(w.gitDir, "HEAD"),
		w.common, filepath.Join(w.common, "objects"), filepath.Join(w.common, "refs"),
	} {
		if st, err := os.Stat(name); err != nil || !owned(st, owners) {
			return nil
		}
	}
	return w
}

// below returns a path that may be relative to dir.
func below(dir, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

func owned(st fs.FileInfo, owners []uint32) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && slices.Contains(owners, sys.Uid)
}

// scope returns the rules that count in w.dir, without those of its own .gitignore.
func (w *workTree) scope(ctx context.Context) (*scope, error) {
	s := &scope{tree: w}
	global, err := w.excludesFile(ctx)
	if err != nil {
		return nil, err
	}
	for _, file := range []string{global, filepath.Join(w.common, "info", "exclude")} {
		if err := s.addFile(".", file, 0); err != nil {
			return nil, err
		}
	}
	at := "."
	for part := range strings.SplitSeq(strings.TrimSuffix(w.above, "/"), "/") {
		if part == "" {
			break
		}
		if err := s.addFile(at, filepath.Join(w.root, at, gitIgnore), unix.O_NOFOLLOW); err != nil {
			return nil, err
		}
		if at = path.Join(at, part); s.level.Ignored(at, true) {
			s.tracked = true
			return s, nil
		}
	}
	return s, nil
}

// excludesFile returns the path of the user's own rules, "" if there are none. Git is asked only
// where its configuration may name another file than the usual one.
func (w *workTree) excludesFile(ctx context.Context) (string, error) {
	home := git.Pick(w.env, "HOME", "XDG_CONFIG_HOME")
	value := func(name string) string {
		for _, kv := range home {
			if v, ok := strings.CutPrefix(kv, name+"="); ok && filepath.IsAbs(v) {
				return v
			}
		}
		return ""
	}
	config := []string{"/etc/gitconfig", filepath.Join(w.common, "config"), filepath.Join(w.gitDir, "config.worktree")}
	xdg := value("XDG_CONFIG_HOME")
	if h := value("HOME"); h != "" {
		config = append(config, filepath.Join(h, ".gitconfig"))
		if xdg == "" {
			xdg = filepath.Join(h, ".config")
		}
	}
	usual := ""
	if xdg != "" {
		config, usual = append(config, filepath.Join(xdg, "git", "config")), filepath.Join(xdg, "git", "ignore")
	}
	if !slices.ContainsFunc(config, mentionsExcludes) {
		return usual, nil
	}
	r, err := w.repository()
	if err != nil {
		return "", err
	}
	r.env = slices.DeleteFunc(r.env, func(kv string) bool { return strings.HasPrefix(kv, "GIT_CONFIG_") })
	r.env = append(r.env, home...)
	file, err := r.firstLine(ctx, "config", "--path", "--get", "core.excludesFile")
	switch {
	case err == nil && file != "":
		return below(w.root, file), nil
	case ctx.Err() != nil:
		return "", err
	}
	return usual, nil
}

// mentionsExcludes reports whether a file of git's configuration may set core.excludesFile, itself
// or by a file that it includes.
func mentionsExcludes(file string) bool {
	text, err := disk.ReadRegular(file, 1<<20)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	lower := strings.ToLower(string(text))
	return strings.Contains(lower, "excludesfile") || strings.Contains(lower, "[include")
}

// repository is how git is run in w.
func (w *workTree) repository() (*repository, error) {
	r, err := openRepository(w.dir, w.env)
	if err != nil {
		return nil, err
	}
	r.env = append(r.env, "GIT_DIR="+w.gitDir, "GIT_WORK_TREE="+w.root)
	return r, nil
}

// tracks reports whether the index tracks a file, or for a directory, anything in it. The name is
// relative to w.dir. Git lists its index once, and only if some name is to be looked up.
func (w *workTree) tracks(ctx context.Context, name string, dir bool) (bool, error) {
	w.once.Do(func() { w.err = w.list(ctx) })
	if w.err != nil {
		return false, w.err
	}
	_, found := slices.BinarySearch(w.files, name)
	return found || dir && w.anyBelow(name+"/"), nil
}

// anyBelow reports whether the index tracks a file whose name starts with prefix.
func (w *workTree) anyBelow(prefix string) bool {
	at, _ := slices.BinarySearch(w.files, prefix)
	return at < len(w.files) && strings.HasPrefix(w.files[at], prefix)
}

// list sets the files that the index tracks below w.dir.
func (w *workTree) list(ctx context.Context) error {
	r, err := w.repository()
	if err != nil {
		return err
	}
	cmd, stderr := r.command(ctx, "ls-files", "-z")
	out := &git.Output{Limit: maxListed}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return errGit(ctx, "ls-files", err, stderr)
	}
	if len(out.Bytes()) == out.Limit {
		return fmt.Errorf("git ls-files: more than %d bytes of names", out.Limit)
	}
	if len(out.Bytes()) > 0 {
		w.files = strings.Split(strings.TrimSuffix(out.String(), "\x00"), "\x00")
	}
	return nil
}
