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

// inode tells a file from a later one of the same name.
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

// holds says whether the lock file that the push's transaction had when it was prepared is still
// there, so that the transaction was not committed: to commit is to rename it.
func (r *Repository) holds(rec *Record, ref string) bool {
	seen, prepared := rec.Locks[ref]
	now := stat(r.lockFile(ref))
	return prepared && now != nil && *now == seen
}

// stable is how long a lock file must stay what it is before it counts as left behind, where it was
// not seen being made. git holds a ref's lock for milliseconds.
const stable = 2 * time.Second

// clear removes what a killed receive-pack left in the repository: the lock files of the refs, at
// which every later push would fail, and its quarantine. The push must have no process left.
func (r *Repository) clear(ctx context.Context, rec *Record) error {
	for ref := range rec.Locks {
		if r.holds(rec, ref) {
			if err := drop(r.lockFile(ref)); err != nil {
				return err
			}
		}
	}
	if rec.State != Promoted {
		if err := r.clearUnseen(ctx, rec); err != nil {
			return err
		}
	}
	return r.clearQuarantine(rec)
}

// clearUnseen removes lock files that the receive-pack made and was killed before the hook saw
// them: they hold the commit of this push, or nothing yet, and no other push is under way that
// could have made them. HEAD is locked with the branch that it names.
func (r *Repository) clearUnseen(ctx context.Context, rec *Record) error {
	others, err := r.Pushes()
	if err != nil {
		return err
	}
	for _, ref := range rec.Refs {
		for _, file := range []string{r.lockFile(ref.Ref), r.lockFile("HEAD")} {
			seen := stat(file)
			if seen == nil || !leftBy(rec, file) || used(others, rec, ref.Ref) {
				continue
			}
			select {
			case <-time.After(stable):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if now := stat(file); now != nil && *now == *seen && !used(others, rec, ref.Ref) {
				if err := drop(file); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// leftBy says whether a lock file holds what the push would have written.
func leftBy(rec *Record, file string) bool {
	data, err := os.ReadFile(file)
	text := strings.TrimSpace(string(data))
	return err == nil && (text == "" || text == rec.commit())
}

// used says whether a push other than rec that touches the ref has a process left.
func used(others []*Record, rec *Record, ref string) bool {
	for _, other := range others {
		if other.ID != rec.ID && other.touches(ref) && other.State == Accepted && other.Receiver.Alive() {
			return true
		}
	}
	return false
}

func drop(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing what a killed push left: %w", err)
	}
	return nil
}

// clearQuarantine removes the quarantine of a push that was killed before git could: `git gc` does
// not.
func (r *Repository) clearQuarantine(rec *Record) error {
	return r.dropQuarantine(filepath.Base(rec.Quarantine))
}

// incoming is in the name of every quarantine, a directory of the repository's objects.
const incoming = "incoming-"

func (r *Repository) dropQuarantine(base string) error {
	objects, err := filepath.EvalSymlinks(filepath.Join(r.Dir, "objects"))
	if err != nil {
		return fmt.Errorf("removing what a killed push left: %w", err)
	}
	if !strings.Contains(base, incoming) {
		return nil
	}
	return disk.RemoveAll(filepath.Join(objects, base))
}

// sweep removes the quarantines of pushes that were killed before they had a record, unless another
// receive-pack than this push's is at work in the repository.
func (r *Repository) sweep(p Push) error {
	// Listed before the processes are: whoever made one of these is among those, or has ended.
	found, err := filepath.Glob(filepath.Join(globbed(r.Dir), "objects", "*"+incoming+"*"))
	if err != nil || len(found) == 0 {
		return err
	}
	others, err := receivers(r.Dir, p.Receiver.PID)
	if err != nil || others {
		return err
	}
	for _, dir := range found {
		if filepath.Base(dir) == filepath.Base(p.quarantine()) {
			continue
		}
		if err := r.dropQuarantine(filepath.Base(dir)); err != nil {
			return err
		}
	}
	return nil
}

// globbed is a path as a pattern that matches only itself.
func globbed(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
