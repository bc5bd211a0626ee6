package push

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slugc/cache/disk"
	"slugc/compiler/fault"
)

// Uninstall removes slugc's hooks and settings, and brings back the hooks and settings that were
// there before. Pushes must be settled: it refuses with "push/under-way". It returns the hooks that
// it brought back. In a directory of hooks outside the repository, which others may share, the
// hooks stay; they keep out of repositories without settings.
func (r *Repository) Uninstall(ctx context.Context) (back []string, err error) {
	list, err := r.Pushes()
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		return nil, fault.TransientError(
			"push/under-way",
			fmt.Errorf("removing the hooks of %q: a push is under way", r.Dir),
			"try again when `slugc hook status` shows none",
		)
	}
	dir, err := r.hooks(ctx)
	if err != nil {
		return nil, err
	}
	if rel, err := filepath.Rel(r.Dir, dir); err == nil && filepath.IsLocal(rel) {
		for i := len(hookNames) - 1; i >= 0; i-- {
			was, err := uninstallHook(filepath.Join(dir, hookNames[i]))
			if err != nil {
				return back, err
			}
			if was {
				back = append(back, hookNames[i])
			}
		}
	}
	if err := r.edit(func(set func(...string) error, file string) error { return r.restore(ctx, set, file) }); err != nil {
		return back, err
	}
	if err := os.RemoveAll(r.path()); err != nil {
		return back, fmt.Errorf("removing the hooks: %w", err)
	}
	return back, nil
}

// uninstallHook removes a hook of ours and says whether there was one before, which is back then.
func uninstallHook(path string) (back bool, err error) {
	ours, err := isOurs(path)
	if err != nil || !ours {
		return false, err
	}
	err = os.Rename(path+former, path)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Remove(path)
	} else {
		back = err == nil
	}
	if err != nil {
		return back, fmt.Errorf("removing the hook %q: %w", path, err)
	}
	return back, disk.SyncDir(filepath.Dir(path))
}

// restore brings receive-pack's settings back, but for those that somebody has changed since.
func (r *Repository) restore(ctx context.Context, set func(...string) error, file string) error {
	before, err := r.section(ctx, file, `^slugc\.before\.`)
	if err != nil {
		return err
	}
	for _, kv := range before {
		key := "receive." + strings.TrimPrefix(kv[0], "slugc.before.")
		now, err := r.section(ctx, file, "^"+strings.ReplaceAll(key, ".", `\.`)+"$")
		if err != nil {
			return err
		}
		key = ours(key, now)
		if key == "" {
			continue
		}
		if kv[1] == "unset" {
			err = set("--unset-all", key)
		} else {
			err = set("--replace-all", key, kv[1])
		}
		if err != nil {
			return err
		}
	}
	for _, section := range []string{"slugc", "slugc.before"} {
		if has, err := r.section(ctx, file, "^"+strings.ReplaceAll(section, ".", `\.`)+`\.[a-z]+$`); err != nil {
			return err
		} else if len(has) > 0 {
			if err := set("--remove-section", section); err != nil {
				return err
			}
		}
	}
	return nil
}

// ours is the setting of receive-pack's as Install writes it, "" if it no longer has the value that
// Install gave it.
func ours(key string, now [][2]string) string {
	for _, w := range wanted {
		if full := "receive." + w[0]; strings.EqualFold(key, full) && len(now) == 1 && now[0][1] == w[1] {
			return full
		}
	}
	return ""
}
