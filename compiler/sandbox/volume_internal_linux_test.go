package sandbox

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"slugc/cache/disk"
)

// TestKeepFree looks at a disk that gets full, by this child and by others.
func TestKeepFree(t *testing.T) {
	t.Parallel()
	const whole, inodes = 1000e6, 1000
	start := space{whole, 400e6, inodes, 400}
	for name, test := range map[string]struct {
		now    space
		added  int // bytes that the child has written
		limits Limits
		want   *LimitError
	}{
		"enough":    {space{whole, 60e6, inodes, 60}, 0, Limits{KeepFree: true}, nil},
		"by others": {space{whole, 10e6, inodes, 400}, 0, Limits{KeepFree: true}, nil},
		"no limit":  {space{whole, 10e6, inodes, 0}, 390e6, Limits{}, nil},
		"by the child": {
			space{whole, start.free - 360e6, inodes, 400}, 360e6, Limits{KeepFree: true},
			&LimitError{Which: LimitFree, Used: 40e6, Max: 50e6},
		},
		"files": {
			space{whole, 400e6, inodes, 2}, 0, Limits{KeepFree: true}, nil, // the child has made one
		},
		"a limit of its own": {
			space{whole, start.free - 5e6, inodes, 400}, 5e6, Limits{Disk: 4e6},
			&LimitError{Which: LimitDisk, Max: 4e6},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			old := filepath.Join(dir, "old")
			if err := os.WriteFile(old, make([]byte, 1<<20), 0o644); err != nil {
				t.Fatal(err)
			}
			for written := disk.FileClock(); disk.FileClock() == written; {
				time.Sleep(time.Millisecond)
			}
			list := openVolumes([]string{dir, filepath.Join(dir, "beneath")}).list
			if len(list) != 1 {
				t.Fatalf("%d file systems, want 1", len(list))
			}
			v := list[0]
			v.start, v.now = start, func() (space, error) { return test.now, nil }
			f, err := os.Create(filepath.Join(dir, "new"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := fallocate(f, int64(test.added)); err != nil {
				t.Fatal(err)
			}
			got := v.look(test.limits)
			if got != nil && got.Which == LimitDisk {
				got.Used = 0 // the file system decides about blocks
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFastChild has a child that has written all before anyone looks: into a directory that it was given, and
// into one that was made for it.
func TestFastChild(t *testing.T) {
	t.Parallel()
	given, made := t.TempDir(), t.TempDir()
	for _, written := range []string{given, made} {
		b := &bounds{limits: Limits{Disk: 4e6}, found: make(chan *LimitError, 1), quit: make(chan struct{})}
		b.before([]string{given})
		f, err := os.Create(filepath.Join(written, "new"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := fallocate(f, 5e6); err != nil {
			t.Fatal(err)
		}
		b.volumes.list[0].again = time.Now() // as after a while
		b.start(os.Getpid(), []string{made})
		select {
		case limit := <-b.found:
			if limit.Which != LimitDisk || limit.Used < 5e6 {
				t.Errorf("the limit met is %+v", limit)
			}
		case <-time.After(time.Minute):
			t.Errorf("what was written to %s is not found", written)
		}
		b.release(false)
		os.Remove(f.Name())
	}
}

// fallocate takes blocks of the disk without writing them.
func fallocate(f *os.File, size int64) error {
	if size == 0 {
		return nil
	}
	return unix.Fallocate(int(f.Fd()), 0, 0, size)
}
