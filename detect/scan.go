package detect

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

const (
	maxManifest = 4 << 20 // bytes of a manifest
	maxEntries  = 10_000  // directory entries read in one directory, and in one walk
	maxHops     = 16      // symbolic links followed to one file
)

// scan is the state of one detector: a bounded, read-only view of a tree, and the Result it fills.
type scan struct {
	Result
	fsys  fs.FS
	base  string // the app's directory in fsys; all names are relative to it
	env   map[string]string
	names map[string]bool // the root's entries, exactly as spelled
	// trouble is the first error of the machine's. What the detector takes for absent may be there then.
	trouble error
}

// run runs a detector. Trouble of the machine is an error whatever the detector made of it.
func (s *scan) run(detector func(*scan) (Result, error)) (Result, error) {
	result, err := detector(s)
	if s.trouble != nil {
		result.Pass, result.App, result.Requires = false, nil, nil
		return result, fmt.Errorf("reading the app: %w", s.trouble)
	}
	return result, err
}

// note keeps an error if it is the machine's, and not about what the tree is like.
func (s *scan) note(err error) {
	if s.trouble == nil && isTrouble(err) {
		s.trouble = err
	}
}

// isTrouble reports whether err is the machine's: a disk that fails, no memory, too many open files, a
// permission that slugc's user lacks. See errno(3).
func isTrouble(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains([]syscall.Errno{
		syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOSPC, syscall.EROFS,
		syscall.EACCES,
	}, errno)
}

func newScan(in Input, language Language) *scan {
	s := &scan{fsys: in.FS, base: cmp.Or(in.Member, "."), env: in.Env, names: map[string]bool{}}
	s.Language = language
	entries, err := s.list(".")
	if err != nil {
		s.reasonAgainst("", "the app's directory can't be read: %v", err)
	}
	for _, e := range entries {
		s.names[e.Name()] = true
	}
	return s
}

func (s *scan) reasonFor(file, format string, args ...any) {
	s.Reasons = append(s.Reasons, Reason{For: true, Text: clean(fmt.Sprintf(format, args...), maxSentence), File: file})
}

func (s *scan) reasonAgainst(file, format string, args ...any) {
	s.Reasons = append(s.Reasons, Reason{Text: clean(fmt.Sprintf(format, args...), maxSentence), File: file})
}

func (s *scan) warn(format string, args ...any) {
	s.Warnings = append(s.Warnings, clean(fmt.Sprintf(format, args...), maxSentence))
}

// fail returns the Result of a detector that an error stopped: it keeps its reasons and does not
// pass.
func (s *scan) fail(err error) (Result, error) {
	if e, ok := errors.AsType[*Error](err); ok {
		err = e.Cleaned()
	}
	s.Pass, s.App, s.Requires = false, nil, nil
	if len(s.Reasons) == 0 {
		s.reasonAgainst("", "%v", err)
	}
	return s.Result, err
}

// list returns a directory's entries sorted by name, at most maxEntries of them.
func (s *scan) list(dir string) ([]fs.DirEntry, error) {
	real, err := s.resolve(dir)
	if err != nil {
		return nil, err
	}
	f, err := s.fsys.Open(real)
	if err != nil {
		s.note(err)
		return nil, fmt.Errorf("opening %q: %w", dir, err)
	}
	defer f.Close()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil, fmt.Errorf("listing %q: not a directory", dir)
	}
	entries, err := d.ReadDir(maxEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		s.note(err)
		return nil, fmt.Errorf("listing %q: %w", dir, err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

var errLinkOut = errors.New("a symbolic link leads out of the tree")

// resolve follows the symbolic links in name and never leaves the tree, even where the file system
// would allow it. It returns a name in fsys.
func (s *scan) resolve(name string) (string, error) {
	done, rest, hops := s.base, strings.Split(path.Clean(name), "/"), 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		if part == "." {
			continue
		}
		next := path.Join(done, part)
		if !fs.ValidPath(next) {
			return "", fmt.Errorf("opening %q: %w", name, errLinkOut)
		}
		info, err := fs.Lstat(s.fsys, next)
		if err != nil {
			s.note(err)
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		target, err := fs.ReadLink(s.fsys, next)
		if err != nil {
			s.note(err)
			return "", fmt.Errorf("reading link %q: %w", next, err)
		}
		if hops++; hops > maxHops {
			return "", fmt.Errorf("opening %q: too many symbolic links", name)
		}
		if in, ok := strings.CutPrefix(path.Clean(target), "/app/"); ok { // where a slug runs
			done, target = ".", in
		}
		if path.IsAbs(target) {
			return "", fmt.Errorf("opening %q: %w", name, errLinkOut)
		}
		rest = append(strings.Split(path.Clean(target), "/"), rest...)
	}
	return done, nil
}

// stat follows links inside the tree. A name at the root must match in case, even on a file system
// that ignores it.
func (s *scan) stat(name string) (string, fs.FileInfo) {
	top, _, _ := strings.Cut(name, "/")
	if len(s.names) < maxEntries && top != "." && top != ".." && !s.names[top] {
		return "", nil
	}
	real, err := s.resolve(name)
	if err == nil {
		var info fs.FileInfo
		if info, err = fs.Lstat(s.fsys, real); err == nil {
			return real, info
		}
	}
	s.note(err)
	if !errors.Is(err, fs.ErrNotExist) {
		s.reasonAgainst(name, "%s can't be read: %v", name, err)
	}
	return "", nil
}

// reach cleans a path that a manifest names, relative to the app, and returns "" where it leaves the tree. Around a
// member it may be "../../lib".
func (s *scan) reach(name string) string {
	to := inTree(path.Join(s.base, name))
	if to == "" {
		return ""
	}
	up := ""
	for dir := s.base; !holds(dir, to); dir = path.Dir(dir) {
		up += "../"
	}
	rest := path.Join(s.base, up)
	return path.Join(up, below(rest, to))
}

func (s *scan) isFile(name string) bool {
	_, info := s.stat(name)
	return info != nil && info.Mode().IsRegular()
}

func (s *scan) isDir(name string) bool {
	_, info := s.stat(name)
	return info != nil && info.IsDir()
}

// readUpTo reads at most n bytes of a regular file, without its byte order mark. It returns false
// if there is none, or if it can't be read; a reason then says so.
func (s *scan) readUpTo(name string, n int64) ([]byte, bool) {
	real, info := s.stat(name)
	if info == nil || !info.Mode().IsRegular() {
		return nil, false
	}
	f, err := s.fsys.Open(real)
	if err == nil {
		defer f.Close()
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(f, n)); err == nil {
			return bytes.TrimPrefix(b, []byte("\ufeff")), true
		}
	}
	s.note(err)
	s.reasonAgainst(name, "%s can't be read: %v", name, err)
	return nil, false
}

// read reads a whole manifest, without its byte order mark. One of more than maxManifest bytes is
// an *Error.
func (s *scan) read(name string) (b []byte, ok bool, err error) {
	b, ok = s.readUpTo(name, maxManifest+1)
	if len(b) > maxManifest {
		return nil, false, &Error{
			ID:      string(s.Language) + "/file-too-large",
			Summary: fmt.Sprintf("%s is larger than %d MB", name, maxManifest>>20),
			Place:   name,
			Hints:   []string{"commit the file as its tool writes it, without generated or binary content"},
		}
	}
	return b, ok, nil
}

// lines reads a small line-based file. It cuts `#` comments, white space around a line and CRLF,
// and keeps empty lines, so that an index is a line number less one.
func (s *scan) lines(name string) ([]string, bool) {
	b, ok := s.readUpTo(name, 64<<10)
	if !ok {
		return nil, false
	}
	lines := strings.Split(string(b), "\n")
	for i, line := range lines {
		line, _, _ = strings.Cut(line, "#")
		lines[i] = strings.TrimSpace(line)
	}
	return lines, true
}

// walk returns the regular files below dir, slash-separated and sorted, at most maxEntries of them.
// It follows no links.
func (s *scan) walk(dir string) []string {
	var files []string
	seen := 0
	var visit func(string, int)
	visit = func(dir string, depth int) {
		entries, err := s.list(dir)
		if err != nil || depth > 32 {
			return
		}
		for _, e := range entries {
			if seen++; seen > maxEntries {
				return
			}
			name := path.Join(dir, e.Name())
			switch {
			case e.IsDir():
				visit(name, depth+1)
			case e.Type().IsRegular():
				files = append(files, name)
			}
		}
	}
	if s.isDir(dir) {
		visit(dir, 0)
	}
	slices.Sort(files)
	return files
}
