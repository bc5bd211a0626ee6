package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"slugc/cache/disk"
)

// liveBody ends a body whose server has gone silent.
type liveBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stall  time.Duration
	at     string
}

func (b *liveBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
		b.timer.Reset(b.stall)
	case err == io.EOF:
		b.timer.Stop()
	case context.Cause(b.ctx) != nil:
		err = context.Cause(b.ctx)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = Transient(fmt.Errorf("getting %s: it ended early", b.at))
	default:
		err = Transient(fmt.Errorf("getting %s: %w", b.at, err))
	}
	return n, err
}

func (b *liveBody) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}

func openFile(u *url.URL) (*answer, error) {
	if u.Host != "" && u.Host != "localhost" {
		return nil, fmt.Errorf("getting %s: a file address has no host", show(u))
	}
	f, err := disk.OpenRegular(u.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &statusError{show(u), http.StatusNotFound}
	}
	if err != nil {
		return nil, fmt.Errorf("getting %s: %w", show(u), errors.Unwrap(err))
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("getting %s: %w", show(u), err)
	}
	return &answer{body: f, size: info.Size()}, nil
}
