package disk_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"slugc/cache/disk"
)

func TestTroubleOf(t *testing.T) {
	t.Parallel()
	at := func(path string, errno error) error { return &fs.PathError{Op: "write", Path: path, Err: errno} }
	for name, test := range map[string]struct {
		err      error
		id, path string
	}{
		"full":        {fmt.Errorf("keeping: %w", at("/a", syscall.ENOSPC)), "disk/full", "/a"},
		"quota":       {at("/a", syscall.EDQUOT), "disk/full", "/a"},
		"read-only":   {at("/a", syscall.EROFS), "disk/read-only", "/a"},
		"broken":      {at("/a", syscall.EIO), "disk/error", "/a"},
		"files":       {at("/a", syscall.EMFILE), "system/files", "/a"},
		"all files":   {at("/a", syscall.ENFILE), "system/files", "/a"},
		"memory":      {os.NewSyscallError("mmap", syscall.ENOMEM), "system/memory", ""},
		"processes":   {&fs.PathError{Op: "fork/exec", Path: "/a", Err: syscall.EAGAIN}, "system/processes", "/a"},
		"two paths":   {&os.LinkError{Op: "rename", Old: "/a", New: "/b", Err: syscall.ENOSPC}, "disk/full", "/b"},
		"one of many": {errors.Join(at("/a", syscall.ENOENT), at("/b", syscall.ENOSPC)), "disk/full", "/b"},
		"not found":   {at("/a", syscall.ENOENT), "", ""},
		"busy":        {at("/a", syscall.EAGAIN), "", ""},
		"a status":    {&exec.ExitError{}, "", ""},
		"nothing":     {nil, "", ""},
	} {
		got, ok := disk.TroubleOf(test.err)
		if got.ID != test.id || got.Path != test.path || ok != (test.id != "") || ok != (got.Hint != "") {
			t.Errorf("%s: got %+v, %t", name, got, ok)
		}
	}
}

func TestTroubleIn(t *testing.T) {
	t.Parallel()
	for output, id := range map[string]string{
		"npm error code ENOSPC\nnpm error syscall write\n": "disk/full",
		"npm error code EDQUOT\n":                          "disk/full",
		"npm error code EMFILE\n":                          "system/files",
		"npm error code EIO\n":                             "disk/error",
		"error An unexpected error occurred: \"ENOSPC: no space left on device\".": "disk/full",
		"Errno::ENOSPC: No space left on device @ io_write - /app/vendor\n":        "disk/full",
		"write /tmp/go-build1/b001/_pkg_.a: disk quota exceeded\n":                 "disk/full",
		"java.io.IOException: No space left on device\n":                           "disk/full",
		"cp: error reading 'x': Input/output error\n":                              "disk/error",
		"touch: cannot touch '/etc/x': Read-only file system\n":                    "",
		"ENOSPC: System limit for number of file watchers reached\n":               "",
		"npm error code EIOCTL\n":                                                  "",
		"":                                                                         "",
	} {
		if got, ok := disk.TroubleIn(output); got.ID != id || ok != (id != "") {
			t.Errorf("%q: got %+v", output, got)
		}
	}
}

// TestDamaged holds that only what is on the disk counts as damage.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		syscall.ENOENT: true, errors.New("another digest"): true,
		syscall.EIO: false, syscall.ENOSPC: false, syscall.EMFILE: false, syscall.ENOMEM: false, syscall.EACCES: false,
	} {
		if got := disk.Damaged(fmt.Errorf("reading: %w", err)); got != want {
			t.Errorf("%v: got %v", err, got)
		}
	}
}

// TestReported holds that a program's error keeps its text and kind.
func TestReported(t *testing.T) {
	t.Parallel()
	failed := &exec.ExitError{ProcessState: &os.ProcessState{}}
	err := disk.Reported(failed, "fatal: write error: No space left on device\n")
	if got, _ := disk.TroubleOf(fmt.Errorf("fetching: %w", err)); got.ID != "disk/full" ||
		err.Error() != failed.Error() {
		t.Errorf("got %+v, %q", got, err)
	}
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		t.Error("the program's error is lost")
	}
	if err := disk.Reported(failed, "fatal: not a repository"); err != error(failed) {
		t.Errorf("got %v", err)
	}
}
