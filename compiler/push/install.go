package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"slugc/buildpacks/shell"
	"slugc/cache/disk"
	"slugc/compiler/fault"
)

// The hooks. pre-receive is written last: from then on pushes are built.
const (
	receiveHook     = "pre-receive"
	transactionHook = "reference-transaction"
	postHook        = "post-receive"
)

var hookNames = []string{transactionHook, postHook, receiveHook}

// priorSuffix is added to the name of a hook that was installed before, which then runs first.
const priorSuffix = ".before-slugc"

// marker is the line that identifies slugc's hooks.
const marker = "# Written by slugc hook install; slugc hook uninstall brings back what was here before."

// receiveSettings are settings of receive-pack (git-config(1)): it must announce push options,
// refuse objects that no commit should hold before they are built, and notice within a second that
// a client has gone.
var receiveSettings = append([][2]string{
	{"advertisePushOptions", "true"}, {"fsckObjects", "true"}, {"keepAlive", "1"},
}, legacySettings()...)

// legacySettings keep git from refusing what old programs have written into the histories of real projects,
// and what a plain repository takes: dates, names and modes in odd forms. What can harm who reads a tree
// (names such as ".git", hostile .gitmodules, duplicate entries) stays an error.
func legacySettings() (list [][2]string) {
	for _, id := range []string{
		"badDate", "badDateOverflow", "badEmail", "badFilemode", "badName", "badTimezone", "missingAuthor",
		"missingEmail", "missingNameBeforeEmail", "missingSpaceBeforeDate", "missingSpaceBeforeEmail",
		"multipleAuthors", "nulInCommit", "zeroPaddedDate", "zeroPaddedFilemode",
	} {
		list = append(list, [2]string{legacyPrefix + id, "ignore"})
	}
	return list
}

const legacyPrefix = "fsck."

// script is a hook that runs slugc. Several repositories may share a directory of hooks, so slugc
// does nothing in a repository without settings.
func script(hook, self string) string {
	quoted := shell.Quote(self)
	begin := "#!/bin/sh\n" + marker + "\n"
	if hook == transactionHook {
		return begin + strings.NewReplacer("SLUGC", quoted, "FORMER", priorSuffix).Replace(transactionScript)
	}
	return begin + "exec " + quoted + ` hook run --before "$0` + priorSuffix + `" ` + hook + "\n"
}

// transactionScript starts slugc only for transactions of deploy branches while a push is under
// way: git makes many others.
const transactionScript = `phase=$1
slugc=${GIT_DIR:-.}/slugc
set -- "$slugc"/pushes/*
if [ ! -e "$1" ]; then
	[ -x "$0FORMER" ] && exec "$0FORMER" "$phase"
	exit 0
fi
input= ours=
[ -e "$slugc/refs" ] || ours=1
while IFS= read -r line; do
	input=$input$line'
'
	[ -n "$ours" ] || while IFS= read -r ref; do
		case $line in *" $ref") ours=1 ;; esac
	done <"$slugc/refs"
done
if [ -n "$ours" ]; then
	printf %s "$input" | { exec SLUGC hook run --before "$0FORMER" reference-transaction "$phase"; }
elif [ -x "$0FORMER" ]; then
	printf %s "$input" | "$0FORMER" "$phase"
fi
`

// Install writes the hooks, or changes their settings, and returns the names of earlier hooks that
// it kept. self is the path of the slugc binary. Where s names no deploy branches, they are main, master and
// the branch that the repository's HEAD names, and s says so if that is another one. It refuses with
// "push/hook-in-the-way", "push/password-in-url", "push/branch-name" and "push/relative-path".
func (r *Repository) Install(ctx context.Context, s *Settings, self string) (kept []string, err error) {
	if err := s.check(ctx, r); err != nil {
		return nil, err
	}
	if err := s.addHead(ctx, r); err != nil {
		return nil, err
	}
	dir, err := r.hooks(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.makeDirs(dir, r.path(), r.path("pushes")); err != nil {
		return nil, err
	}
	err = r.edit(ctx, func(set setter, file string) error { return r.write(ctx, *s, set, file) })
	if err != nil {
		return nil, err
	}
	if err := r.writeDeployRefs(*s); err != nil {
		return nil, err
	}
	for _, hook := range hookNames {
		was, err := r.installHook(dir, hook, self)
		if err != nil {
			return kept, err
		}
		if was {
			kept = append(kept, hook)
		}
	}
	return kept, nil
}

// write puts the settings into a configuration file, and under slugc.before the values of
// receive-pack's settings that it changes. It keeps the owner's own severities of fsck.
func (r *Repository) write(ctx context.Context, s Settings, set setter, file string) error {
	for key, values := range s.values() {
		if err := set("--unset-all", "slugc."+key); err != nil {
			return err
		}
		for _, v := range values {
			if err := set("--add", "slugc."+key, v); err != nil {
				return err
			}
		}
	}
	known, err := r.section(ctx, file, `^slugc\.before\.`)
	if err != nil {
		return err
	}
	for _, w := range receiveSettings {
		isKnown := func(kv [2]string) bool { return strings.EqualFold(kv[0], "slugc.before."+w[0]) }
		if slices.ContainsFunc(known, isKnown) {
			continue // an earlier install has set it
		}
		was, err := r.section(ctx, file, `^receive\.`+settingPattern(w[0])+`$`)
		if err != nil {
			return err
		}
		value := "unset"
		if len(was) > 0 {
			value = was[len(was)-1][1]
		}
		if len(was) > 0 && strings.HasPrefix(w[0], legacyPrefix) {
			continue
		}
		err = errors.Join(set("slugc.before."+w[0], value), set("--replace-all", "receive."+w[0], w[1]))
		if err != nil {
			return err
		}
	}
	return nil
}

// settingPattern is a setting's name as git reports it, for a pattern: the part behind the last dot is in lower
// case.
func settingPattern(name string) string {
	dot := strings.LastIndexByte(name, '.') + 1
	return strings.ReplaceAll(name[:dot], ".", `\.`) + strings.ToLower(name[dot:])
}

// installHook writes one hook, and returns whether an earlier one was kept.
func (r *Repository) installHook(dir, hook, self string) (kept bool, err error) {
	path := filepath.Join(dir, hook)
	ours, err := isOurs(path)
	if err != nil {
		return false, err
	}
	_, missing := os.Lstat(path)
	if !ours && missing == nil {
		if _, err := os.Lstat(path + priorSuffix); err == nil {
			return false, fault.UsageError("push/hook-in-the-way",
				fmt.Errorf("keeping the hook %q: there already is %q", path, path+priorSuffix),
				"make one hook of the two, or remove one")
		}
		if err := os.Rename(path, path+priorSuffix); err != nil {
			return false, fmt.Errorf("keeping the hook %q: %w", path, err)
		}
	}
	temporary := filepath.Join(dir, ".slugc-"+hook)
	if err := os.WriteFile(temporary, []byte(script(hook, self)), 0o700); err != nil {
		return false, fmt.Errorf("writing the hook %q: %w", path, err)
	}
	err = errors.Join(os.Chmod(temporary, 0o755), r.chown(temporary))
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return false, fmt.Errorf("writing the hook %q: %w", path, err)
	}
	_, has := os.Lstat(path + priorSuffix)
	return has == nil, disk.SyncDir(dir)
}

// writeDeployRefs writes the deploy branches, one a line, where transactionScript reads them. Every
// push writes them again, because settings may have been changed by hand.
func (r *Repository) writeDeployRefs(s Settings) error {
	file, want := r.path("refs"), strings.Join(s.refs(), "\n")+"\n"
	if is, err := disk.ReadRegular(file, 1<<20); err == nil && string(is) == want {
		return nil
	}
	if err := disk.WriteFile(file, []byte(want), 0o644); err != nil {
		return err
	}
	return r.chown(file)
}

// isOurs reports whether Install wrote a hook. A missing one is not ours.
func isOurs(path string) (bool, error) {
	f, err := disk.OpenRegular(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, disk.ErrNotRegular) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the hook: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return false, fmt.Errorf("reading the hook: %w", err)
	}
	return strings.Contains(string(data), "\n"+marker+"\n"), nil
}

// hooks is the directory of the repository's hooks: core.hooksPath, else hooks.
func (r *Repository) hooks(ctx context.Context) (string, error) {
	out, err := r.output(ctx, nil, "rev-parse", "--git-path", "hooks")
	if err != nil {
		return "", err
	}
	if filepath.IsAbs(out) {
		return out, nil
	}
	return filepath.Join(r.Dir, out), nil
}

// makeDirs makes the missing directories, with the owner of the repository.
func (r *Repository) makeDirs(dirs ...string) error {
	for _, dir := range dirs {
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = r.chown(dir)
		}
		if err != nil {
			return fmt.Errorf("setting up the hooks: %w", err)
		}
	}
	return nil
}

// chown sets the repository's owner as the owner of a new file.
func (r *Repository) chown(path string) error { return sameOwner(path, r.Dir) }

// chownLike sets the owner and mode of a new file to those of the file that it will replace.
func (r *Repository) chownLike(path, file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	return errors.Join(os.Chmod(path, info.Mode().Perm()), sameOwner(path, file))
}

// sameOwner sets the owner and group of path to those of another file.
func sameOwner(path, other string) error {
	want, err := os.Stat(other)
	if err != nil {
		return err
	}
	have, err := os.Lstat(path)
	if err != nil {
		return err
	}
	w, ok := want.Sys().(*syscall.Stat_t)
	h, ok2 := have.Sys().(*syscall.Stat_t)
	if !ok || !ok2 || w.Uid == h.Uid && w.Gid == h.Gid {
		return nil
	}
	return os.Lchown(path, int(w.Uid), int(w.Gid))
}

// Owner returns the user id of the repository's owner. Hooks usually run as that user.
func (r *Repository) Owner() (int, error) {
	info, err := os.Stat(r.Dir)
	if err != nil {
		return 0, fmt.Errorf("finding the owner of the repository: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), nil
	}
	return os.Getuid(), nil
}
