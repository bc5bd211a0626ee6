package toolchain

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"
)

const (
	maxTries    = 4       // one try and three more
	maxArtefact = 1 << 30 // bytes; the largest toolchain is about 130 MB packed
	maxFetch    = 30 * time.Minute
	copyChunk   = 256 << 10
	userAgent   = "slugc-toolchain"
)

// web fetches documents over http, https and file URLs. It is safe for concurrent use.
type web struct {
	client *http.Client
	stall  time.Duration
	pause  time.Duration // before the first retry; doubled each time
}

func newWeb(client *http.Client, stall time.Duration) *web {
	c := *client
	next := c.CheckRedirect
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return errDowngrade
		}
		if next != nil {
			return next(req, via)
		}
		if len(via) >= 10 {
			return errors.New("it redirects more than ten times")
		}
		return nil
	}
	return &web{client: &c, stall: stall, pause: 300 * time.Millisecond}
}

var errDowngrade = errors.New("it redirects from https to http")

// statusError is an answer other than 200 and 304.
type statusError struct {
	url  string
	code int
}

func (e *statusError) Error() string {
	text := http.StatusText(e.code)
	if text != "" {
		text = " " + text
	}
	return fmt.Sprintf("getting %s: %d%s", e.url, e.code, text)
}

func absent(err error) bool {
	var s *statusError
	return errors.As(err, &s) && (s.code == http.StatusNotFound || s.code == http.StatusGone)
}

func retryable(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500
}

// answer is an open document. Its body must be closed.
type answer struct {
	body           io.ReadCloser
	size           int64 // -1 where unknown
	etag, modified string
	same           bool // not modified since the given validators
}

// show is an address as people may read it: no user, no password, no query.
func show(u *url.URL) string {
	c := *u
	c.User, c.RawQuery, c.Fragment, c.RawFragment = nil, "", "", ""
	return c.String()
}

func showText(addr string) string {
	u, err := url.Parse(addr)
	if err != nil {
		return "an address that is not a URL"
	}
	return show(u)
}

// get opens an address. Connect errors and the codes 408, 429 and 5xx are tried again, with growing
// pauses.
func (w *web) get(ctx context.Context, addr string, h http.Header) (*answer, error) {
	u, err := url.Parse(addr)
	if err != nil {
		return nil, errors.New("its address is not a URL")
	}
	switch u.Scheme {
	case "file":
		return openFile(u)
	case "http", "https":
	default:
		return nil, fmt.Errorf("getting %s: only https, http and file addresses are read", show(u))
	}
	for try := 1; ; try++ {
		a, wait, err := w.once(ctx, u, h)
		if err == nil || wait < 0 || try == maxTries {
			return a, err
		}
		pause := max(w.pause<<(try-1), min(wait, 10*time.Second))
		pause += rand.N(pause/2 + 1)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// once makes one request. A negative wait says that trying again is of no use.
func (w *web) once(ctx context.Context, u *url.URL, h http.Header) (a *answer, wait time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	stalled := passing{fmt.Errorf("getting %s: the server said nothing for %s", show(u), w.stall)}
	timer := time.AfterFunc(w.stall, func() { cancel(stalled) })
	fail := func(wait time.Duration, err error) (*answer, time.Duration, error) {
		timer.Stop()
		cancel(nil)
		return nil, wait, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fail(-1, fmt.Errorf("getting %s: %w", show(u), errors.New("bad address")))
	}
	for k, v := range h {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", userAgent)
	res, err := w.client.Do(req)
	if err != nil {
		wait, err := w.explain(ctx, u, err)
		return fail(wait, err)
	}
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusNotModified {
		body := &liveBody{ReadCloser: res.Body, ctx: ctx, cancel: cancel, timer: timer, stall: w.stall, at: show(u)}
		return &answer{
			body: body, size: res.ContentLength, etag: res.Header.Get("Etag"), modified: res.Header.Get("Last-Modified"),
			same: res.StatusCode == http.StatusNotModified,
		}, 0, nil
	}
	res.Body.Close()
	err = &statusError{show(u), res.StatusCode}
	if !retryable(res.StatusCode) {
		return fail(-1, err)
	}
	secs, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	return fail(time.Duration(max(0, min(secs, 60)))*time.Second, err)
}

// explain turns a transport's error into one line without credentials and says whether to try
// again.
func (w *web) explain(ctx context.Context, u *url.URL, err error) (time.Duration, error) {
	if cause := context.Cause(ctx); cause != nil {
		return -1, cause
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err // its text repeats the address, which may hold credentials
	}
	if errors.Is(err, errDowngrade) {
		return -1, fmt.Errorf("getting %s: %w", show(u), err)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		wait := time.Duration(0)
		if dns.IsNotFound {
			wait = -1
		}
		return wait, passing{fmt.Errorf("getting %s: the host %q cannot be resolved", show(u), dns.Name)}
	}
	wrapped := passing{fmt.Errorf("getting %s: %w", show(u), err)}
	var op *net.OpError
	if errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return 0, wrapped
	}
	return -1, wrapped
}

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
		err = passing{fmt.Errorf("getting %s: it ended early", b.at)}
	default:
		err = passing{fmt.Errorf("getting %s: %w", b.at, err)}
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
	f, err := os.Open(u.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &statusError{show(u), http.StatusNotFound}
	}
	if err != nil {
		return nil, fmt.Errorf("getting %s: %w", show(u), errors.Unwrap(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a file")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("getting %s: %w", show(u), err)
	}
	return &answer{body: f, size: info.Size()}, nil
}

// read returns a whole document of at most limit bytes.
func (w *web) read(ctx context.Context, addr string, h http.Header, limit int64) ([]byte, error) {
	a, err := w.get(ctx, addr, h)
	if err != nil {
		return nil, err
	}
	defer a.body.Close()
	return readAll(a.body, limit)
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}
	return b, err
}

// download writes a document to a new file, feeds it to the hashes and tells how far it is.
func (w *web) download(
	ctx context.Context,
	addr string,
	h http.Header,
	file string,
	tell func(done, total int64),
	sums ...hash.Hash,
) error {
	ctx, cancel := context.WithTimeoutCause(
		ctx,
		maxFetch,
		passing{fmt.Errorf("the download takes longer than %s", maxFetch)},
	)
	defer cancel()
	if h = h.Clone(); h == nil {
		h = http.Header{}
	}
	h.Set("Accept-Encoding", "identity") // digests are of the bytes as they are stored
	a, err := w.get(ctx, addr, h)
	if err != nil {
		return err
	}
	defer a.body.Close()
	if a.size > maxArtefact {
		return fmt.Errorf("it is larger than %d bytes", int64(maxArtefact))
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	writers := make([]io.Writer, 0, len(sums)+1)
	writers = append(writers, out)
	for _, s := range sums {
		writers = append(writers, s)
	}
	if err := pump(io.MultiWriter(writers...), a.body, max(a.size, 0), tell); err != nil {
		return err
	}
	return out.Close()
}

func pump(dst io.Writer, src io.Reader, total int64, tell func(done, total int64)) error {
	buf := make([]byte, copyChunk)
	var done int64
	for {
		n, err := src.Read(buf)
		if done += int64(n); done > maxArtefact {
			return fmt.Errorf("it is larger than %d bytes", int64(maxArtefact))
		}
		if _, werr := dst.Write(buf[:n]); werr != nil {
			return werr
		}
		tell(done, total)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
