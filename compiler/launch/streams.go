package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// draining is how long output is waited for after the end of all that could write it.
const draining = 2 * time.Second

// streams are a process's standard files, and the copying where the caller has no files.
type streams struct {
	in, out, err *os.File
	theirs       []*os.File // to close once the process has them
	ours         []*os.File
	copying      sync.WaitGroup

	mu     sync.Mutex
	failed error
}

func openStreams(stdin io.Reader, stdout, stderr io.Writer) (*streams, error) {
	s := &streams{}
	err := s.input(stdin)
	if err == nil {
		s.out, err = s.output(stdout)
	}
	if err == nil {
		if s.err = s.out; !same(stdout, stderr) {
			s.err, err = s.output(stderr)
		}
	}
	if err != nil {
		s.started()
		s.wait()
		return nil, err
	}
	return s, nil
}

// same compares two writers, of which either may be of a type that cannot be compared.
func same(a, b io.Writer) (equal bool) {
	defer func() { recover() }()
	return a == b
}

func (s *streams) input(r io.Reader) error {
	if file, ok := r.(*os.File); ok {
		s.in = file
		return nil
	}
	if r == nil {
		return nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	s.in, s.theirs, s.ours = read, append(s.theirs, read), append(s.ours, write)
	// Nobody waits for this one: the reader may never return.
	go func() {
		io.Copy(write, r)
		write.Close()
	}()
	return nil
}

func (s *streams) output(w io.Writer) (*os.File, error) {
	if file, ok := w.(*os.File); ok || w == nil {
		return file, nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.theirs, s.ours = append(s.theirs, write), append(s.ours, read)
	s.copying.Go(func() {
		if _, err := io.Copy(w, read); err != nil && !errors.Is(err, os.ErrClosed) && !errors.Is(err, syscall.EIO) {
			s.mu.Lock()
			s.failed = fmt.Errorf("writing the output: %w", err)
			s.mu.Unlock()
			io.Copy(io.Discard, read) // the process must not hang for it
		}
	})
	return write, nil
}

// started closes what the process has now.
func (s *streams) started() {
	for _, f := range s.theirs {
		f.Close()
	}
}

// wait waits for the output and returns the first error of a writer.
func (s *streams) wait() error {
	drained := make(chan struct{})
	go func() {
		s.copying.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(draining):
	}
	for _, f := range s.ours {
		f.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
