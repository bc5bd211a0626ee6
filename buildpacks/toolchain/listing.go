package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// freshFor is how long a listing and a choice stand before the source is asked again.
const freshFor = 24 * time.Hour

// listingSchema is changed with what is kept of a listing, so that another release of slugc does
// not read what this one has kept.
const listingSchema = "1 "

// listingTime bounds how long one listing may take, however steadily it drips.
const listingTime = 2 * time.Minute

// maxListing bounds a listing, in bytes: the largest packument known is about 4 MB.
const maxListing = 64 << 20

// kept is a listing as it lies in the store: boiled down to what is needed, with the source's
// validators.
type kept[T any] struct {
	ETag     string    `json:"etag,omitempty"`
	Modified string    `json:"modified,omitempty"`
	At       time.Time `json:"at"`
	Value    T         `json:"value"`
}

// list returns the document at an address, boiled down by parse: from the store while it is fresh,
// else from the source, which is asked once at most in a Store's life. again asks even when it is
// fresh, for a version that the kept one does not have. asked reports whether the source itself has
// just answered.
func list[T any](
	ctx context.Context,
	st *Store,
	addr string,
	h http.Header,
	parse func(io.Reader) (T, error),
	again bool,
) (v T, asked bool, err error) {
	sum := sha256.Sum256([]byte(listingSchema + addr))
	name := hex.EncodeToString(sum[:16])
	mu := st.one(name)
	mu.Lock()
	defer mu.Unlock()
	file := filepath.Join(st.dir, listingDir, name+".json")
	var k kept[T]
	b, err := os.ReadFile(file)
	have := err == nil && json.Unmarshal(b, &k) == nil
	if have && (st.isFresh(name) || !again && !st.set.Fresh && within(st.set.Now(), k.At)) {
		return k.Value, st.isFresh(name), nil
	}
	h = h.Clone()
	if h == nil {
		h = http.Header{}
	}
	if have && k.ETag != "" {
		h.Set("If-None-Match", k.ETag)
	} else if have && k.Modified != "" {
		h.Set("If-Modified-Since", k.Modified)
	}
	ctx, cancel := context.WithTimeoutCause(
		ctx,
		listingTime,
		passing{errors.New("listing its versions takes longer than two minutes")},
	)
	defer cancel()
	a, err := st.web.get(ctx, addr, h)
	if err != nil {
		return v, false, err
	}
	defer a.body.Close()
	switch {
	case !a.same:
		lr := &limited{r: a.body, left: maxListing}
		if k.Value, err = parse(lr); err != nil {
			return v, false, err
		}
		k.ETag, k.Modified = a.etag, a.modified
	case !have:
		return v, false, errors.New("it answers 304 Not Modified to a first request")
	}
	k.At = st.set.Now()
	st.mu.Lock()
	st.fresh[name] = true
	st.mu.Unlock()
	writeJSON(file, k) // a listing that cannot be kept is asked for again
	return k.Value, true, nil
}

func within(now, at time.Time) bool {
	age := now.Sub(at)
	return age >= 0 && age < freshFor
}

func (st *Store) one(name string) *sync.Mutex {
	st.mu.Lock()
	defer st.mu.Unlock()
	mu := st.asked[name]
	if mu == nil {
		mu = &sync.Mutex{}
		st.asked[name] = mu
	}
	return mu
}

func (st *Store) isFresh(name string) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.fresh[name]
}

// limited is an io.LimitedReader that says when it has cut.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errors.New("its listing is larger than 64 MB")
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// choice is what a constraint was resolved to.
type choice struct {
	Version string    `json:"version"`
	Root    string    `json:"root,omitempty"` // of a Go on the machine
	At      time.Time `json:"at"`
}

func (st *Store) choiceFile(req Request) string {
	b, _ := json.Marshal([]any{req.Tool, req.Constraint, st.set.OS, st.set.Arch, st.set.AllowWide})
	sum := sha256.Sum256(b)
	return filepath.Join(st.dir, choiceDir, hex.EncodeToString(sum[:16])+".json")
}

// settled returns the tree that a request needs no source for: an exact version that is held, or
// the choice of the last day.
func (st *Store) settled(req Request, w *want) (*record, bool) {
	if w.exact != "" {
		if r := st.held(req.Tool, w.exact); r != nil {
			return r, true
		}
	}
	if st.set.Fresh {
		return nil, false
	}
	b, err := os.ReadFile(st.choiceFile(req))
	var c choice
	if err != nil || json.Unmarshal(b, &c) != nil || !within(st.set.Now(), c.At) {
		return nil, false
	}
	if c.Root != "" {
		if l := (&localGo{st}); c.Root == st.set.LocalGo.Root && c.Version == l.version() {
			return l.record(c.Version), true
		}
		return nil, false
	}
	r := st.held(req.Tool, c.Version)
	return r, r != nil
}

// settle remembers a choice. Losing it costs a question to the source, no more.
func (st *Store) settle(req Request, r *record) {
	writeJSON(st.choiceFile(req), choice{r.Version, r.Root, st.set.Now()})
}
