package source

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strings"
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
	Seen   *Validators // if not nil, is set to those of the document
}

// Validators tell states of a document apart (RFC 9110, section 8.8). Without any, one cannot be told from another.
type Validators struct {
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
}

// Changed reports whether a document is another than the one that has these validators. It is false where the server
// cannot tell.
func (w *Web) Changed(ctx context.Context, addr string, v Validators) (changed bool, err error) {
	h := http.Header{}
	if v.ETag != "" {
		h.Set("If-None-Match", v.ETag)
	} else if v.Modified != "" {
		h.Set("If-Modified-Since", v.Modified)
	}
	if len(h) == 0 {
		return false, nil
	}
	err = w.fetch(ctx, addr, h, func(a *answer) error {
		changed = !a.unchanged
		return nil
	})
	return changed, err
}

// Download writes a document to a new file. One that breaks off goes on where it did, if the server can tell
// that the document is still the same, else it starts again. After an error the file may be there, not whole.
func (w *Web) Download(ctx context.Context, d Download) error {
	slow := Transient(fmt.Errorf("the download takes longer than %s", maxFetch))
	ctx, cancel := context.WithTimeoutCause(ctx, maxFetch, slow)
	defer cancel()
	h := d.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Accept-Encoding", "identity") // digests are of the bytes as they are stored
	var part *partial
	err := w.fetch(ctx, d.Addr, h, func(a *answer) (err error) {
		if part == nil {
			if part, err = newPartial(d); err != nil {
				return err
			}
		}
		return part.add(a, h)
	})
	if part == nil {
		return err
	}
	return errors.Join(err, part.file.Close())
}

// partial is what there is of a download.
type partial struct {
	Download
	file *os.File
	done int64
}

func newPartial(d Download) (*partial, error) {
	file, err := os.OpenFile(d.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	return &partial{Download: d, file: file}, err
}

// add adds an answer's document, or the rest of it. If that breaks off, h then asks for what is missing
// (RFC 9110, sections 13.1.5 and 14.2).
func (p *partial) add(a *answer, h http.Header) error {
	if a.from+a.size > maxArtefact {
		return errTooLarge
	}
	if a.from != p.done {
		if err := p.restart(); err != nil {
			return err
		}
	}
	if p.Seen != nil {
		*p.Seen = Validators{a.etag, a.modified}
	}
	err := p.pump(a.body, max(a.from+a.size, 0))
	wholeAgain(h)
	same := a.modified
	if a.etag != "" && !strings.HasPrefix(a.etag, "W/") {
		same = a.etag
	}
	if err != nil && p.done > 0 && same != "" {
		h.Set("Range", fmt.Sprintf("bytes=%d-", p.done))
		h.Set("If-Range", same)
	}
	return err
}

// wholeAgain makes a request ask for the whole document.
func wholeAgain(h http.Header) {
	h.Del("Range")
	h.Del("If-Range")
}

// restart forgets what there is.
func (p *partial) restart() error {
	p.done = 0
	for _, s := range p.Sums {
		s.Reset()
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return errors.Join(err, p.file.Truncate(0))
}

var errTooLarge = fmt.Errorf("it is larger than %d bytes", int64(maxArtefact))

// pump adds what src holds, up to the bound of an artefact.
func (p *partial) pump(src io.Reader, total int64) error {
	writers := []io.Writer{p.file}
	for _, s := range p.Sums {
		writers = append(writers, s)
	}
	dst := io.MultiWriter(writers...)
	buf := make([]byte, copyChunk)
	for {
		n, err := src.Read(buf)
		if p.done += int64(n); p.done > maxArtefact {
			return errTooLarge
		}
		if _, werr := dst.Write(buf[:n]); werr != nil {
			return werr
		}
		p.Meter(p.done, total)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
