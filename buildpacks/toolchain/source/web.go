package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	maxTries     = 4 // one try and three more
	maxStalls    = 2 // tries that end because the server says nothing
	defaultRetry = 300 * time.Millisecond
	defaultStall = 30 * time.Second
	maxWait      = 10 * time.Second // the longest Retry-After that is kept to
	userAgent    = "slugc-toolchain"
)

// Web fetches documents over http, https and file URLs. It never follows a redirect from https to
// http, and its errors hold no credentials. It is safe for concurrent use.
type Web struct {
	client *http.Client
	stall  time.Duration
	retry  time.Duration
}

// NewWeb returns a Web. client carries proxies and certificate authorities; nil is one with the
// defaults. stall is how long a server may send nothing, or less than 1 kB a second, before a request
// fails, retry the pause before the second try, which doubles with every further one; 0 is the default.
func NewWeb(client *http.Client, stall, retry time.Duration) *Web {
	c := http.Client{}
	if client != nil {
		c = *client
	}
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
	if stall <= 0 {
		stall = defaultStall
	}
	if retry <= 0 {
		retry = defaultRetry
	}
	return &Web{client: &c, stall: stall, retry: retry}
}

var errDowngrade = errors.New("it redirects from https to http")

// BaseAddress is the base address that a setting names, without a slash at its end: the fallback
// for "", and "" for "off".
func BaseAddress(setting, fallback string) string {
	switch setting {
	case "off":
		return ""
	case "":
		setting = fallback
	}
	return strings.TrimRight(setting, "/")
}

// ShowAddress is an address as people may read it: without user, password, query and fragment.
func ShowAddress(addr string) string {
	u, err := url.Parse(addr)
	if err != nil {
		return "an address that is not a URL"
	}
	return show(u)
}

func show(u *url.URL) string {
	c := *u
	c.User, c.RawQuery, c.Fragment, c.RawFragment = nil, "", "", ""
	return c.String()
}

// answer is an open document, or the rest of one.
type answer struct {
	body           io.ReadCloser
	size           int64 // of body; -1 where it is unknown
	from           int64 // where body begins in the document
	etag, modified string
	unchanged      bool // since the validators of the request
}

// fetch opens an address and has use read the document. A broken connection, a broken body and the codes 408,
// 429 and 5xx are tried again, after growing pauses; a server that says nothing only once. use may change h
// for the next try.
func (w *Web) fetch(ctx context.Context, addr string, h http.Header, use func(*answer) error) error {
	u, err := url.Parse(addr)
	if err != nil {
		return errors.New("its address is not a URL")
	}
	switch u.Scheme {
	case "file":
		return useFile(u, use)
	case "http", "https":
	default:
		return fmt.Errorf("getting %s: only https, http and file addresses are read", show(u))
	}
	for try, stalls := 1, 0; ; try++ {
		wait, err := w.attempt(ctx, u, h, use)
		if _, stalled := errors.AsType[*stallError](err); stalled {
			stalls++
		}
		if err == nil || wait < 0 || try == maxTries || stalls == maxStalls {
			return err
		}
		pause := max(w.retry<<(try-1), min(wait, maxWait))
		pause += rand.N(pause/2 + 1)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("getting %s: %w", show(u), context.Cause(ctx))
		}
	}
}

// attempt makes one request and has use read the answer. A negative wait means that another try is useless.
func (w *Web) attempt(
	ctx context.Context, u *url.URL, h http.Header, use func(*answer) error,
) (wait time.Duration, err error) {
	a, wait, err := w.once(ctx, u, h)
	if err != nil {
		return wait, err
	}
	defer a.body.Close()
	if err = use(a); err != nil && (ctx.Err() != nil || !IsTransient(err)) {
		wait = -1
	}
	return wait, err
}

// once makes one request. A negative wait means that another try is useless.
func (w *Web) once(ctx context.Context, u *url.URL, h http.Header) (a *answer, wait time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(w.stall, func() { cancel(stalled(u, w.stall)) })
	fail := func(wait time.Duration, err error) (*answer, time.Duration, error) {
		timer.Stop()
		cancel(nil)
		return nil, wait, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fail(-1, fmt.Errorf("getting %s: bad address", show(u)))
	}
	for k, v := range h {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", userAgent)
	res, err := w.client.Do(req)
	if err != nil {
		wait, err := explain(ctx, u, err)
		return fail(wait, err)
	}
	if from, ok := begins(res, h); ok {
		timer.Stop()
		body := &liveBody{ReadCloser: res.Body, ctx: ctx, cancel: cancel, timer: timer, stall: w.stall, at: u}
		return &answer{
			body: body, size: res.ContentLength, from: from,
			etag: res.Header.Get("Etag"), modified: res.Header.Get("Last-Modified"),
			unchanged: res.StatusCode == http.StatusNotModified,
		}, 0, nil
	}
	res.Body.Close()
	err = &statusError{show(u), res.StatusCode}
	if res.StatusCode == http.StatusRequestedRangeNotSatisfiable && h.Get("Range") != "" {
		wholeAgain(h)
		return fail(0, err)
	}
	if !retryable(res.StatusCode) {
		return fail(-1, err)
	}
	secs, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	return fail(time.Duration(max(0, min(secs, 60)))*time.Second, err)
}

// begins reports whether a response has the document, and where in it the body begins (RFC 9110, section 14.4).
func begins(res *http.Response, asked http.Header) (from int64, ok bool) {
	switch res.StatusCode {
	case http.StatusOK, http.StatusNotModified:
		return 0, true
	case http.StatusPartialContent:
		_, err := fmt.Sscanf(res.Header.Get("Content-Range"), "bytes %d-", &from)
		return from, err == nil && asked.Get("Range") == fmt.Sprintf("bytes=%d-", from)
	}
	return 0, false
}

// explain turns a transport's error into one line without credentials, and returns how long to wait
// before another try. A negative wait means that another try is useless.
func explain(ctx context.Context, u *url.URL, err error) (wait time.Duration, explained error) {
	if cause := context.Cause(ctx); cause != nil {
		if _, stalled := errors.AsType[*stallError](cause); stalled {
			return 0, cause
		}
		return -1, fmt.Errorf("getting %s: %w", show(u), cause)
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // its text repeats the address, which may hold credentials
	}
	if errors.Is(err, errDowngrade) {
		return -1, fmt.Errorf("getting %s: %w", show(u), err)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			wait = -1
		}
		return wait, Transient(fmt.Errorf("getting %s: the host %q cannot be resolved", show(u), dns.Name))
	}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return -1, Transient(fmt.Errorf(
			"getting %s: %w (SSL_CERT_FILE names the authorities that are trusted)", show(u), err))
	}
	_, connection := errors.AsType[*net.OpError](err)
	if !connection && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		wait = -1
	}
	return wait, Transient(fmt.Errorf("getting %s: %w", show(u), err))
}

// Check asks for a document and does not read it.
func (w *Web) Check(ctx context.Context, addr string, h http.Header) error {
	return w.fetch(ctx, addr, h, func(*answer) error { return nil })
}

// Read returns a whole document of at most limit bytes.
func (w *Web) Read(ctx context.Context, addr string, h http.Header, limit int64) (b []byte, err error) {
	err = w.fetch(ctx, addr, h, func(a *answer) (err error) {
		b, err = io.ReadAll(io.LimitReader(a.body, limit+1))
		if err == nil && int64(len(b)) > limit {
			err = fmt.Errorf("it is larger than %d bytes", limit)
		}
		return err
	})
	return b, err
}
