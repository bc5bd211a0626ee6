package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"slugc/compiler/sandbox/supervise"
)

// drainTimeout is how long to wait for output after the end of all processes that could write it.
const drainTimeout = 2 * time.Second

// streams are a process's standard files, and the copying for a reader or writer that is no file.
type streams struct {
	in, out, err *os.File
	theirs       []*os.File // the process's ends of pipes, to close once it has them
	ours         []*os.File
	copying      sync.WaitGroup

	mu       sync.Mutex
	writeErr error
}

func openStreams(stdin io.Reader, stdout, stderr io.Writer) (*streams, error) {
	s := &streams{}
	err := s.input(stdin)
	if err == nil {
		s.out, err = s.output(stdout)
	}
	if err == nil {
		if s.err = s.out; !supervise.SameWriter(stdout, stderr) {
			s.err, err = s.output(stderr)
		}
	}
	if err != nil {
		s.closeTheirs()
		s.wait()
		return nil, err
	}
	return s, nil
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
	// Nothing waits for this goroutine, because the reader may never return.
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
			s.writeErr = fmt.Errorf("writing the output: %w", err)
			s.mu.Unlock()
			io.Copy(io.Discard, read) // so that the process does not block
		}
	})
	return write, nil
}

// closeTheirs closes the files that the process now has.
func (s *streams) closeTheirs() {
	for _, f := range s.theirs {
		f.Close()
	}
}

// wait waits until the output is copied and returns an error of a writer.
func (s *streams) wait() error {
	drained := make(chan struct{})
	go func() {
		s.copying.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(drainTimeout):
	}
	for _, f := range s.ours {
		f.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeErr
}
