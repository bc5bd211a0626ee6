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

// Uninstall removes slugc's hooks and settings, and restores the hooks and settings that were there
// before. It returns the names of the restored hooks. All pushes must be settled: it refuses with
// "push/under-way". Hooks in a directory outside the repository stay, because other repositories
// may share it; slugc does nothing in a repository without settings.
func (r *Repository) Uninstall(ctx context.Context) (restored []string, err error) {
	list, err := r.Pushes()
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		return nil, fault.TransientError("push/under-way",
			fmt.Errorf("removing the hooks of %q: a push is under way", r.Dir),
			"try again when `slugc hook status` shows none")
	}
	dir, err := r.hooks(ctx)
	if err != nil {
		return nil, err
	}
	if rel, err := filepath.Rel(r.Dir, dir); err == nil && filepath.IsLocal(rel) {
		for i := len(hookNames) - 1; i >= 0; i-- {
			was, err := uninstallHook(filepath.Join(dir, hookNames[i]))
			if err != nil {
				return restored, err
			}
			if was {
				restored = append(restored, hookNames[i])
			}
		}
	}
	err = r.edit(ctx, func(set setter, file string) error { return r.restore(ctx, set, file) })
	if err != nil {
		return restored, err
	}
	if err := os.RemoveAll(r.path()); err != nil {
		return restored, fmt.Errorf("removing the hooks: %w", err)
	}
	return restored, nil
}

// uninstallHook removes slugc's hook, and returns whether an earlier one was restored.
func uninstallHook(path string) (restored bool, err error) {
	ours, err := isOurs(path)
	if err != nil || !ours {
		return false, err
	}
	err = os.Rename(path+priorSuffix, path)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Remove(path)
	} else {
		restored = err == nil
	}
	if err != nil {
		return restored, fmt.Errorf("removing the hook %q: %w", path, err)
	}
	return restored, disk.SyncDir(filepath.Dir(path))
}

// restore restores receive-pack's settings, except those that were changed since Install.
func (r *Repository) restore(ctx context.Context, set setter, file string) error {
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
		key = ownSetting(key, now)
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
	for _, section := range []string{"slugc", "slugc.before", "slugc.before.fsck"} {
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

// ownSetting returns the setting of receive-pack as Install writes it, or "" if it no longer has
// the value that Install set.
func ownSetting(key string, now [][2]string) string {
	for _, w := range receiveSettings {
		if full := "receive." + w[0]; strings.EqualFold(key, full) && len(now) == 1 && now[0][1] == w[1] {
			return full
		}
	}
	return ""
}
