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
	"time"

	"slugc/cache/disk"
)

// inode identifies a file: a later one of the same name has another.
type inode struct {
	Ino   uint64 `json:"ino"`
	Ctime int64  `json:"ctime"` // nanoseconds
}

// stat returns the identity of a file, nil if there is none.
func stat(path string) *inode {
	info, err := os.Lstat(path)
	if err != nil {
		return nil
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return &inode{Ino: st.Ino, Ctime: st.Ctim.Nano()}
}

// lockFile is where git keeps the lock of a ref (gitrepository-layout(5)). With the reftable format
// there is no such file.
func (r *Repository) lockFile(ref string) string {
	return filepath.Join(r.Dir, filepath.FromSlash(ref)) + ".lock"
}

// stillLocks reports whether the lock file that the push's transaction had in its prepared phase is
// still there. If so, the transaction was not committed: a commit renames the file.
func (r *Repository) stillLocks(rec *Record, ref string) bool {
	held, prepared := rec.Locks[ref]
	now := stat(r.lockFile(ref))
	return prepared && now != nil && *now == held
}

// stableTime is how long a lock file that no hook saw must stay unchanged before slugc takes it for
// an abandoned one. git holds a ref's lock for milliseconds.
const stableTime = 2 * time.Second

// cleanUp removes what a killed receive-pack left in the repository: its quarantine, and the lock
// files of the refs, which would make every later push fail. The push must have no process left.
func (r *Repository) cleanUp(ctx context.Context, rec *Record) error {
	for ref := range rec.Locks {
		if r.stillLocks(rec, ref) {
			if err := removeFile(r.lockFile(ref)); err != nil {
				return err
			}
		}
	}
	if rec.State != Promoted {
		if err := r.removeUnseenLocks(ctx, rec); err != nil {
			return err
		}
	}
	return r.removeQuarantine(filepath.Base(rec.Quarantine))
}

// removeUnseenLocks removes lock files that the receive-pack made right before it was killed, so
// that no hook saw them: they hold the commit of this push, or nothing yet, and no other push is
// under way that could have made them. git locks HEAD together with the branch that it names.
func (r *Repository) removeUnseenLocks(ctx context.Context, rec *Record) error {
	others, err := r.Pushes()
	if err != nil {
		return err
	}
	for _, ref := range rec.Refs {
		for _, file := range []string{r.lockFile(ref.Ref), r.lockFile("HEAD")} {
			lock := stat(file)
			if lock == nil || !isLockOf(rec, file) || inUse(others, rec, ref.Ref) {
				continue
			}
			select {
			case <-time.After(stableTime):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if now := stat(file); now != nil && *now == *lock && !inUse(others, rec, ref.Ref) {
				if err := removeFile(file); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// isLockOf reports whether a lock file holds what the push would have written.
func isLockOf(rec *Record, file string) bool {
	data, err := disk.ReadRegular(file, 4096)
	text := strings.TrimSpace(string(data))
	return err == nil && (text == "" || text == rec.commit())
}

// inUse reports whether git may be moving the ref for another push than rec.
func inUse(others []*Record, rec *Record, ref string) bool {
	for _, other := range others {
		if other.ID != rec.ID && other.touches(ref) && other.State == Accepted && other.ReceivePack.Alive() {
			return true
		}
	}
	return false
}

func removeFile(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing what a killed push left: %w", err)
	}
	return nil
}

// incoming is part of the name of every quarantine, a directory in the repository's objects.
const incoming = "incoming-"

// removeQuarantine removes a quarantine, by its base name. `git gc` does not remove those of killed
// processes.
func (r *Repository) removeQuarantine(base string) error {
	objects, err := filepath.EvalSymlinks(filepath.Join(r.Dir, "objects"))
	if err != nil {
		return fmt.Errorf("removing what a killed push left: %w", err)
	}
	if !strings.Contains(base, incoming) {
		return nil
	}
	return disk.RemoveAll(filepath.Join(objects, base))
}

// removeStaleQuarantines removes the quarantines of pushes that were killed before they had a
// record, unless another receive-pack than this push's works in the repository.
func (r *Repository) removeStaleQuarantines(p Push) error {
	// The quarantines are listed before the processes, so a process that made one is listed or has
	// ended.
	found, err := filepath.Glob(filepath.Join(escapeGlob(r.Dir), "objects", "*"+incoming+"*"))
	if err != nil || len(found) == 0 {
		return err
	}
	others, err := otherReceivePack(r.Dir, p.ReceivePack.PID)
	if err != nil || others {
		return err
	}
	for _, dir := range found {
		if filepath.Base(dir) == filepath.Base(p.quarantine()) {
			continue
		}
		if err := r.removeQuarantine(filepath.Base(dir)); err != nil {
			return err
		}
	}
	return nil
}

// escapeGlob makes a pattern that matches only the path.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
