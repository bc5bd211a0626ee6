package source

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"slugc/cache/digest"
	"slugc/cache/disk"
)

const (
	// FreshFor is how long a listing stands before its source is asked again.
	FreshFor = 24 * time.Hour
	// ListingDir is the directory of kept listings in [Env.Dir], with a file for each address.
	ListingDir = ".listings"

	// listingSchema must change with what is kept of a listing: then another release of slugc does
	// not read what this one has kept.
	listingSchema = "1 "
	listingTime   = 2 * time.Minute // for one listing, however steadily it drips
	maxListing    = 64 << 20        // bytes; the largest known, npm's, is about 4 MB
)

// Document is a document of versions, reduced by Parse to what its source needs. It is kept in the
// store for a day.
type Document[T any] struct {
	Addr   string
	Header http.Header
	Parse  func(io.Reader) (T, error)
}

// keptListing is a listing as the store keeps it, with the source's validators.
type keptListing[T any] struct {
	ETag     string    `json:"etag,omitempty"`
	Modified string    `json:"modified,omitempty"`
	At       time.Time `json:"at"`
	Value    T         `json:"value"`
}

// listings remembers which listings an Env has asked for.
type listings struct {
	mu    sync.Mutex
	locks map[string]*sync.Mutex // one for each listing, so that it is fetched once
	asked map[string]bool
}

func (l *listings) lock(name string) *sync.Mutex {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.locks == nil {
		l.locks, l.asked = map[string]*sync.Mutex{}, map[string]bool{}
	}
	if l.locks[name] == nil {
		l.locks[name] = &sync.Mutex{}
	}
	return l.locks[name]
}

func (l *listings) wasAsked(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked[name]
}

func (l *listings) setAsked(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[name] = true
}

// List returns the document: from the store while it is fresh, else from the source, which is asked
// at most once in an Env's life. With again it asks the source even when the kept one is fresh, for
// a version that is not in it. asked reports whether the source itself has answered in this Env's
// life.
func (d Document[T]) List(ctx context.Context, env *Env, again bool) (v T, asked bool, err error) {
	name := digest.Of([]byte(listingSchema + d.Addr)).Hex()[:32]
	mu := env.listings.lock(name)
	mu.Lock()
	defer mu.Unlock()
	file := filepath.Join(env.Dir, ListingDir, name+".json")
	var kept keptListing[T]
	b, err := os.ReadFile(file)
	have := err == nil && json.Unmarshal(b, &kept) == nil
	if have {
		asked := env.listings.wasAsked(name)
		if asked || !again && !env.Fresh && env.IsFresh(kept.At) {
			return kept.Value, asked, nil
		}
	}
	if err := d.refresh(ctx, env, &kept, have); err != nil {
		return v, false, err
	}
	env.listings.setAsked(name)
	if b, err = json.Marshal(kept); err == nil {
		_ = disk.WriteFile(file, b, 0o644) // a listing that cannot be kept is asked for again
	}
	return kept.Value, true, nil
}

// refresh asks the source for the document. have reports whether kept holds an earlier one.
func (d Document[T]) refresh(ctx context.Context, env *Env, kept *keptListing[T], have bool) error {
	h := d.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if have && kept.ETag != "" {
		h.Set("If-None-Match", kept.ETag)
	} else if have && kept.Modified != "" {
		h.Set("If-Modified-Since", kept.Modified)
	}
	slow := Transient(errors.New("listing its versions takes longer than two minutes"))
	ctx, cancel := context.WithTimeoutCause(ctx, listingTime, slow)
	defer cancel()
	return env.Web.fetch(ctx, d.Addr, h, func(a *answer) error {
		switch {
		case !a.unchanged:
			value, err := d.Parse(&boundedReader{a.body, maxListing})
			if err != nil {
				return err
			}
			kept.Value, kept.ETag, kept.Modified = value, a.etag, a.modified
		case !have:
			return errors.New("it answers 304 Not Modified to a first request")
		}
		kept.At = env.Now()
		return nil
	})
}

// IsFresh reports whether something that was learned at a time still stands.
func (e *Env) IsFresh(at time.Time) bool {
	age := e.Now().Sub(at)
	return age >= 0 && age < FreshFor
}

// boundedReader is an io.LimitedReader that returns an error at its limit.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (l *boundedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errors.New("its listing is larger than 64 MB")
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
