package source

import (
	"context"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	maxArtefact = 1 << 30 // bytes; the largest toolchain is about 130 MB packed
	maxFetch    = 30 * time.Minute
	copyChunk   = 256 << 10
)

// Download is one document to write to a file.
type Download struct {
	Addr   string
	Header http.Header
	File   string // to make; nothing may lie there
	Meter  Meter
	Sums   []hash.Hash // are fed with the document
}

// Download writes a document to a new file. After an error the file may be there, not whole.
func (w *Web) Download(ctx context.Context, d Download) error {
	slow := Transient(fmt.Errorf("the download takes longer than %s", maxFetch))
	ctx, cancel := context.WithTimeoutCause(ctx, maxFetch, slow)
	defer cancel()
	h := d.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Accept-Encoding", "identity") // digests are of the bytes as they are stored
	a, err := w.get(ctx, d.Addr, h)
	if err != nil {
		return err
	}
	defer a.body.Close()
	if a.size > maxArtefact {
		return errTooLarge
	}
	out, err := os.OpenFile(d.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	writers := []io.Writer{out}
	for _, s := range d.Sums {
		writers = append(writers, s)
	}
	if err := pump(io.MultiWriter(writers...), a.body, max(a.size, 0), d.Meter); err != nil {
		return err
	}
	return out.Close()
}

var errTooLarge = fmt.Errorf("it is larger than %d bytes", int64(maxArtefact))

// pump copies src to dst, up to the bound of an artefact.
func pump(dst io.Writer, src io.Reader, total int64, meter Meter) error {
	buf := make([]byte, copyChunk)
	var done int64
	for {
		n, err := src.Read(buf)
		if done += int64(n); done > maxArtefact {
			return errTooLarge
		}
		if _, werr := dst.Write(buf[:n]); werr != nil {
			return werr
		}
		meter(done, total)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
