package unpack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"slugc/cache/disk"
)

// opener opens the content of an entry.
type opener func() (io.ReadCloser, error)

// Archive reads an archive of any supported format from r and writes it below dir, which must
// exist. It reads r to its end to check the archive's own checksums. A zip needs random access; it
// is spooled into dir first, as a file without a name.
//
// Errors are a [*Refusal] for an entry, [ErrFormat], [ErrDamaged], the context's, those of r, and
// those of writing.
func Archive(ctx context.Context, r io.Reader, dir string, o Options) (Stats, error) {
	in := &input{ctx: ctx, r: r}
	buf := bufio.NewReaderSize(in, 64<<10)
	head, err := buf.Peek(sniffLen)
	if err != nil && err != io.EOF {
		return Stats{}, fmt.Errorf("reading archive: %w", err)
	}
	if !isZip(head) {
		return writeAll(ctx, dir, o, in, func(handle func(entry) error) error {
			return readTar(ctx, head, buf, o.Limits.OrDefault(), handle)
		})
	}
	f, size, err := spool(dir, buf, o.Limits.OrDefault().stream())
	if err != nil {
		return Stats{}, err
	}
	defer f.Close()
	return writeZip(ctx, f, size, dir, o)
}

// File is [Archive] for the file at path.
func File(ctx context.Context, path, dir string, o Options) (Stats, error) {
	f, err := disk.OpenRegular(path)
	if err != nil {
		return Stats{}, fmt.Errorf("opening archive: %w", err)
	}
	defer f.Close()
	head := make([]byte, sniffLen)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return Stats{}, fmt.Errorf("reading archive: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return Stats{}, fmt.Errorf("reading archive: %w", err)
	}
	if isZip(head[:n]) {
		return writeZip(ctx, f, st.Size(), dir, o)
	}
	return Archive(ctx, f, dir, o)
}

func writeZip(ctx context.Context, f io.ReaderAt, size int64, dir string, o Options) (Stats, error) {
	in := &inputAt{input{ctx: ctx}, f}
	return writeAll(ctx, dir, o, &in.input, func(handle func(entry) error) error {
		return readZip(ctx, in, size, o.Limits.OrDefault(), handle)
	})
}

// writeAll writes all entries that read finds into dir, and finds out which side an error comes
// from.
func writeAll(
	ctx context.Context, dir string, o Options, in *input, read func(func(entry) error) error,
) (Stats, error) {
	w, err := NewWriter(dir, o)
	if err != nil {
		return Stats{}, err
	}
	var putErr error
	err = read(func(e entry) error {
		putErr = put(ctx, w, e)
		return putErr
	})
	switch {
	case putErr != nil && errors.Is(putErr, errContent):
		err = damaged(in, putErr)
	case putErr != nil:
		err = putErr // without the reader's wrapping
	case err != nil:
		err = damaged(in, err)
	}
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	return w.Stats(), err
}

// damaged wraps err in ErrDamaged unless it comes from reading in or has its own meaning.
func damaged(in *input, err error) error {
	if in.err != nil {
		return fmt.Errorf("reading archive: %w", in.err)
	}
	if _, ok := errors.AsType[*Refusal](err); ok || errors.Is(err, ErrFormat) || errors.Is(err, ErrDamaged) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// spool copies a stream to a file that no longer has a name.
func spool(dir string, r io.Reader, limit int64) (*os.File, int64, error) {
	f, err := os.CreateTemp(dir, ".unpack-*")
	if err != nil {
		return nil, 0, fmt.Errorf("spooling archive: %w", err)
	}
	err = os.Remove(f.Name())
	var n int64
	if err == nil {
		n, err = io.Copy(f, io.LimitReader(r, limit+1))
	}
	if err == nil && n > limit {
		err = tooLarge("archive", "is larger than %s", Size(limit))
	}
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("spooling archive: %w", err)
	}
	return f, n, nil
}
