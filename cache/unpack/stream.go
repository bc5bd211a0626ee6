package unpack

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// input reads an archive's bytes. It fails when the context ends, and keeps its first error,
// because decoders and archiver wrap or replace the errors of their readers.
type input struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *input) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, s.note(err)
	}
	n, err := s.r.Read(p)
	return n, s.note(err)
}

func (s *input) note(err error) error {
	if err != nil && err != io.EOF && s.err == nil {
		s.err = err
	}
	return err
}

// inputAt is an input with random access.
type inputAt struct {
	input
	at io.ReaderAt
}

func (s *inputAt) ReadAt(p []byte, off int64) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, s.note(err)
	}
	n, err := s.at.ReadAt(p, off)
	return n, s.note(err)
}

// limitedStream limits a decompressed stream, against bombs of headers, padding and skipped
// entries. It also knows whether the last block was all zero, like the last of a tar.
type limitedStream struct {
	r    io.Reader
	left int64
	max  int64
	ctx  context.Context
	seen int64
	tail [512]byte
}

func (c *limitedStream) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.left -= int64(n)
	c.seen += int64(n)
	if n >= len(c.tail) {
		copy(c.tail[:], p[n-len(c.tail):n])
	} else if n > 0 {
		copy(c.tail[:], c.tail[n:])
		copy(c.tail[len(c.tail)-n:], p[:n])
	}
	if c.left < 0 {
		return 0, tooLarge("archive", "is larger than %s when decompressed", Size(c.max))
	}
	return n, err
}

// ended reports whether the bytes read end like a tar.
func (c *limitedStream) ended() bool {
	return c.seen >= int64(len(c.tail)) && bytes.Equal(c.tail[:], make([]byte, len(c.tail)))
}

// errContent marks an error of reading an entry's content, to tell it from one of writing.
var errContent = errors.New("reading content")

// content marks the errors of an entry's content.
type content struct{ io.ReadCloser }

func (c content) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = contentError{err}
	}
	return n, err
}

type contentError struct{ error }

func (e contentError) Unwrap() []error { return []error{errContent, e.error} }
