package push

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"slugc/cache/disk"
	"slugc/compiler/fault"
)

// Hooks that are written. pre-receive is the last: from then on pushes are built.
const (
	receiveHook     = "pre-receive"
	transactionHook = "reference-transaction"
	postHook        = "post-receive"
)

var hookNames = []string{transactionHook, postHook, receiveHook}

// former is added to the name of a hook that was there before, which then runs first.
const former = ".before-slugc"

// marker is the line by which a hook of ours is known.
const marker = "# Written by slugc hook install; slugc hook uninstall brings back what was here before."

// wanted are receive-pack's settings: push options must be announced, what no commit should hold is
// refused before it is staged, and a client that went away is to be noticed within a second
// (git-config(1)).
var wanted = [][2]string{{"advertisePushOptions", "true"}, {"fsckObjects", "true"}, {"keepAlive", "1"}}

// script is a hook: it hands over to slugc, which keeps out of a repository without settings, for a
// directory of hooks may serve several.
func script(hook, self string) string {
	quoted := "'" + strings.ReplaceAll(self, "'", `'\''`) + "'"
	begin := "#!/bin/sh\n" + marker + "\n"
	if hook == transactionHook {
		return begin + strings.NewReplacer("SLUGC", quoted, "FORMER", former).Replace(transactionScript)
	}
	return begin + "exec " + quoted + ` hook run --before "$0` + former + `" ` + hook + "\n"
}

// transactionScript passes git's own transactions, of which there are many, and those of other refs
// without starting anything.
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

// Install sets the hooks up, or changes their settings, and returns what it kept of hooks that were
// there. self is the path of the slugc binary. It refuses with "push/hook-in-the-way" and what
// check refuses.
func (r *Repository) Install(ctx context.Context, s Settings, self string) (kept []string, err error) {
	if err := s.check(ctx, r); err != nil {
		return nil, err
	}
	dir, err := r.hooks(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.makeDirs(dir, r.path(), r.path("pushes")); err != nil {
		return nil, err
	}
	if err := r.edit(func(set func(...string) error, file string) error { return r.write(ctx, s, set, file) }); err != nil {
		return nil, err
	}
	if err := r.writeRefs(s); err != nil {
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

// write puts the settings into a configuration file, and remembers what it changes of
// receive-pack's.
func (r *Repository) write(ctx context.Context, s Settings, set func(...string) error, file string) error {
	for key, values := range s.fields() {
		if err := set("--unset-all", "slugc."+key); err != nil {
			return err
		}
		for _, v := range *values {
			if err := set("--add", "slugc."+key, v); err != nil {
				return err
			}
		}
	}
	known, err := r.section(ctx, file, `^slugc\.before\.`)
	if err != nil || len(known) > 0 {
		return err
	}
	for _, w := range wanted {
		was, err := r.section(ctx, file, `^receive\.`+strings.ToLower(w[0])+`$`)
		if err != nil {
			return err
		}
		value := "unset"
		if len(was) > 0 {
			value = was[len(was)-1][1]
		}
		if err := errors.Join(set("slugc.before."+w[0], value), set("--replace-all", "receive."+w[0], w[1])); err != nil {
			return err
		}
	}
	return nil
}

// installHook writes one hook, and says whether there was another, which is kept.
func (r *Repository) installHook(dir, hook, self string) (kept bool, err error) {
	path := filepath.Join(dir, hook)
	ours, err := isOurs(path)
	if err != nil {
		return false, err
	}
	_, missing := os.Lstat(path)
	if !ours && missing == nil {
		if _, err := os.Lstat(path + former); err == nil {
			return false, fault.UsageError(
				"push/hook-in-the-way",
				fmt.Errorf("keeping the hook %q: there already is %q", path, path+former),
				"make one hook of the two, or remove one",
			)
		}
		if err := os.Rename(path, path+former); err != nil {
			return false, fmt.Errorf("keeping the hook %q: %w", path, err)
		}
	}
	temporary := filepath.Join(dir, ".slugc-"+hook)
	if err := os.WriteFile(temporary, []byte(script(hook, self)), 0o700); err != nil {
		return false, fmt.Errorf("writing the hook %q: %w", path, err)
	}
	err = errors.Join(os.Chmod(temporary, 0o755), r.own(temporary, ""))
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return false, fmt.Errorf("writing the hook %q: %w", path, err)
	}
	_, has := os.Lstat(path + former)
	return has == nil, disk.SyncDir(dir)
}

// writeRefs writes the deploy branches where the transaction's script reads them, one a line. Every
// push does it again: settings may have been changed by hand.
func (r *Repository) writeRefs(s Settings) error {
	file, want := r.path("refs"), strings.Join(s.refs(), "\n")+"\n"
	if is, err := os.ReadFile(file); err == nil && string(is) == want {
		return nil
	}
	if err := disk.WriteFile(file, []byte(want), 0o644); err != nil {
		return err
	}
	return r.own(file, "")
}

// isOurs says whether a hook was written by Install. A missing one was not.
func isOurs(path string) (bool, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the hook: %w", err)
	}
	return strings.Contains(string(data[:min(len(data), 4096)]), "\n"+marker+"\n"), nil
}

// hooks is where the repository's hooks are: core.hooksPath, else hooks.
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

// makeDirs makes directories that are missing, each with the owner of the repository.
func (r *Repository) makeDirs(dirs ...string) error {
	for _, dir := range dirs {
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = r.own(dir, "")
		}
		if err != nil {
			return fmt.Errorf("setting up the hooks: %w", err)
		}
	}
	return nil
}

// own gives a new file to the owner of the repository, or of the file that it is to replace, with
// that one's mode.
func (r *Repository) own(path, like string) error {
	of := r.Dir
	if like != "" {
		of = like
	}
	info, err := os.Stat(of)
	if err != nil {
		return err
	}
	if like != "" {
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			return err
		}
	}
	now, err := os.Lstat(path)
	if err != nil {
		return err
	}
	want, ok := info.Sys().(*syscall.Stat_t)
	have, ok2 := now.Sys().(*syscall.Stat_t)
	if !ok || !ok2 || want.Uid == have.Uid && want.Gid == have.Gid {
		return nil
	}
	return os.Lchown(path, int(want.Uid), int(want.Gid))
}

// Owner is the user id of the repository's owner, as whom hooks usually run.
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
