package detect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ReadFile reads one of the app's files, without its byte order mark. name is relative to the app's directory.
// Links are followed as long as they stay in the tree. It returns an error that is [fs.ErrNotExist] if there is no
// such file, and an [*Error] "detect/file-unreadable" if it is no regular file, cannot be reached or has more than
// limit bytes. Other errors are the machine's.
func ReadFile(in Input, name string, limit int64) ([]byte, error) {
	s := newScan(in, "")
	real, err := s.resolve(name)
	if err != nil {
		return nil, s.unreadable(name, err)
	}
	info, err := fs.Lstat(s.fsys, real)
	if err != nil {
		return nil, s.unreadable(name, err)
	}
	if !info.Mode().IsRegular() { // opening a FIFO would wait
		return nil, s.unreadable(name, errors.New("it is not a regular file"))
	}
	f, err := s.fsys.Open(real)
	if err != nil {
		return nil, s.unreadable(name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, s.unreadable(name, err)
	}
	if int64(len(b)) > limit {
		return nil, s.unreadable(name, fmt.Errorf("it has more than %d KiB", limit>>10))
	}
	return bytes.TrimPrefix(b, []byte("\ufeff")), nil
}

// unreadable is the error of a file that cannot be read.
func (s *scan) unreadable(name string, err error) error {
	if s.note(err); s.trouble != nil {
		return fmt.Errorf("reading %s: %w", name, s.trouble)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	e := &Error{
		ID: "detect/file-unreadable", Place: name, Summary: fmt.Sprintf("%s can't be read: %v", name, err),
		Hints: []string{"commit " + name + " as a regular file, or remove it"},
	}
	return e.Cleaned()
}
