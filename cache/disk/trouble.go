package disk

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Trouble is something wrong with the machine that keeps a process from using its files. Whoever asked
// for the work cannot fix it in what they asked for, and it may work when tried again.
type Trouble struct {
	ID    string        // stable, for people: "disk/full"
	Errno syscall.Errno // what the kernel reported
	Path  string        // the file or directory, as the error names it; "" where it names none
	Hint  string        // what to do
}

// The hints of the kinds of trouble.
const (
	hintFull     = "free some space (or inodes, or quota) there, or run `slugc cache prune`, and try again"
	hintReadOnly = "mount that disk writable again; the kernel's log (`dmesg`) says why it is read-only"
	hintError    = "check that disk; the kernel's log (`dmesg`) says what it reported"
	hintFiles    = "raise the limit of open files (`ulimit -n`), or run fewer builds at a time"
	hintMemory   = "free some memory, or run fewer builds at a time, and try again"
	hintForks    = "raise the limit of processes (`ulimit -u`), or run fewer builds at a time"
)

// troubles lists the kinds by what the kernel reports: see errno(3), open(2), write(2), fork(2).
var troubles = []struct {
	errnos   []syscall.Errno
	id, hint string
}{
	{[]syscall.Errno{syscall.ENOSPC, syscall.EDQUOT}, "disk/full", hintFull},
	{[]syscall.Errno{syscall.EROFS}, "disk/read-only", hintReadOnly},
	{[]syscall.Errno{syscall.EIO}, "disk/error", hintError},
	{[]syscall.Errno{syscall.EMFILE, syscall.ENFILE}, "system/files", hintFiles},
	{[]syscall.Errno{syscall.ENOMEM}, "system/memory", hintMemory},
}

// TroubleOf returns what is wrong with the machine, if that is what err wraps: a full or exhausted disk
// or quota, a disk that is read-only or broken, no files, memory or processes left. An error that wraps
// several has the first of these.
func TroubleOf(err error) (Trouble, bool) {
	for _, kind := range troubles {
		for _, errno := range kind.errnos {
			if errors.Is(err, errno) {
				return Trouble{kind.id, errno, pathOf(err, errno), kind.hint}, true
			}
		}
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok && p.Op == "fork/exec" && errors.Is(p.Err, syscall.EAGAIN) {
		return Trouble{"system/processes", syscall.EAGAIN, p.Path, hintForks}, true
	}
	return Trouble{}, false
}

// Damaged reports whether err, of reading a file, is about what the file holds. A permission that is
// missing and trouble of the machine ([TroubleOf]) are not: the file may be as it should be, so nobody
// may throw it away for that.
func Damaged(err error) bool {
	_, trouble := TroubleOf(err)
	return !trouble && !errors.Is(err, fs.ErrPermission)
}

// pathOf returns the path of the call that failed with errno. Of a call with two paths it is the new one,
// unless that is empty.
func pathOf(err error, errno syscall.Errno) string {
	switch e := err.(type) {
	case *fs.PathError:
		if errors.Is(e.Err, errno) {
			return e.Path
		}
	case *os.LinkError:
		if errors.Is(e.Err, errno) {
			if e.New == "" {
				return e.Old
			}
			return e.New
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return pathOf(e.Unwrap(), errno)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if path := pathOf(inner, errno); path != "" {
				return path
			}
		}
	}
	return ""
}

// said lists the words with which the C library, Node.js, Ruby, Go and the JVM report trouble that no
// program of an app causes by itself. A read-only file system is not among them: a sandbox has many.
var said = []struct {
	errno syscall.Errno
	words []string
}{
	{syscall.ENOSPC, []string{
		"no space left on device", "code enospc", "errno::enospc", "disk quota exceeded", "code edquot",
		"errno::edquot",
	}},
	{syscall.EIO, []string{"input/output error", "code eio\n", "eio: i/o error", "errno::eio"}},
	{syscall.EMFILE, []string{
		"too many open files in system", "code emfile", "code enfile", "emfile: too many open files, open",
		"errno::emfile", "errno::enfile",
	}},
}

// TroubleIn is [TroubleOf] for the output of a program that failed. Its Path is empty.
func TroubleIn(output string) (Trouble, bool) { return TroubleOf(Reported(nil, output)) }

// Reported returns the error of a program that failed. Where its output reports trouble of the machine,
// [TroubleOf] recognises the error by that.
func Reported(err error, output string) error {
	output = strings.ToLower(output)
	for _, kind := range said {
		for _, words := range kind.words {
			if strings.Contains(output, words) {
				return reported{err, kind.errno}
			}
		}
	}
	return err
}

// reported is the error of a program with what its output told about the machine.
type reported struct {
	error
	errno syscall.Errno
}

// Unwrap returns the program's error and the machine's.
func (r reported) Unwrap() []error { return []error{r.error, r.errno} }
