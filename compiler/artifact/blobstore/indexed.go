package blobstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"slugc/cache/digest"
	"slugc/compiler/fault"
	"slugc/compiler/slug"
)

// bucket is a flat place for objects. Its errors are faults.
type bucket interface {
	// put writes an object, whole or not at all, durable when it returns; want is the digest of the bytes',
	// which are checked.
	put(ctx context.Context, key string, body *io.SectionReader, want digest.Digest) error
	// get opens an object.
	get(ctx context.Context, key string) (io.ReadCloser, error)
	// holds says whether the object is there with that size and, as far as that can be known there,
	// that digest ("": any).
	holds(ctx context.Context, key string, size int64, want digest.Digest) (bool, error)
	// url is what an object is named by outside.
	url(key string) string
}

// indexed keeps slugs in a bucket, as parts and indices.
type indexed struct {
	Options
	place
	bucket
}

// keys of a part and an index, from a digest that was checked.
func partKey(d digest.Digest) string { return "parts/" + d.Hex() }
func indexKey(hex string) string     { return "slugs/" + hex + ".json" }

func (s *indexed) Put(ctx context.Context, file string, want digest.Digest) (string, Transfer, error) {
	hex, err := hexOf(want)
	if err != nil {
		return "", Transfer{}, err
	}
	parts, is, err := slug.Parts(ctx, file, false)
	if err != nil {
		return "", Transfer{}, err
	}
	if err := checkDigest(file, is, want); err != nil {
		return "", Transfer{}, err
	}
	f, err := os.Open(file)
	if err != nil {
		return "", Transfer{}, fmt.Errorf("storing slug: %w", err)
	}
	defer f.Close()
	t := tally{progress: s.Progress, total: end(parts)}
	sent := make([]bool, len(parts)) // at a former try, whose answer was lost
	err = s.each(ctx, indices(len(parts)), func(ctx context.Context, i int) error {
		p := parts[i]
		there, err := s.holds(ctx, partKey(p.Digest), p.Size, p.Digest)
		if err == nil && !there {
			sent[i] = true
			err = s.send(ctx, partKey(p.Digest), io.NewSectionReader(f, p.Offset, p.Size), p.Digest)
		}
		if err == nil {
			t.note(p.Size, !sent[i])
		}
		return err
	})
	if err != nil {
		return "", t.transfer(), err
	}
	data, err := encode(want, parts)
	if err != nil {
		return "", t.transfer(), err
	}
	err = s.retry(ctx, func() error {
		return s.send(
			ctx,
			indexKey(hex),
			io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))),
			digest.Of(data),
		)
	})
	return s.url(indexKey(hex)), t.transfer(), err
}

// send writes an object and asks whether it is there.
func (s *indexed) send(ctx context.Context, key string, body *io.SectionReader, want digest.Digest) error {
	if err := s.put(ctx, key, body, want); err != nil {
		return err
	}
	if there, err := s.holds(ctx, key, body.Size(), want); err != nil {
		return err
	} else if !there {
		return s.unreachable(fmt.Errorf("it took %q but does not have it as it was sent", key))
	}
	return nil
}

func (s *indexed) Get(ctx context.Context, url string, want digest.Digest, to string, have []string) (Transfer, error) {
	parts, err := s.index(ctx, url, want)
	if err != nil {
		return Transfer{}, err
	}
	r, err := slug.NewRebuild(to, want, parts, false)
	if err != nil {
		return Transfer{}, err
	}
	defer r.Close()
	return s.fetch(ctx, s.place, r, parts, have, func(ctx context.Context, i int) (io.Reader, io.Closer, error) {
		body, err := s.get(ctx, partKey(parts[i].Digest))
		return body, body, err
	})
}

func (s *indexed) Stat(ctx context.Context, url string, want digest.Digest) error {
	parts, err := s.index(ctx, url, want)
	if err != nil {
		return err
	}
	return s.each(ctx, indices(len(parts)), func(ctx context.Context, i int) error {
		p := parts[i]
		there, err := s.holds(ctx, partKey(p.Digest), p.Size, "")
		if err == nil && !there {
			err = s.missing(fmt.Sprintf("the part %s of slug %s", p.Digest, want))
		}
		return err
	})
}

// index reads the slug's index.
func (s *indexed) index(ctx context.Context, url string, want digest.Digest) ([]slug.Part, error) {
	hex, err := hexOf(want)
	if err != nil {
		return nil, err
	}
	if url != "" && url != s.url(indexKey(hex)) {
		return nil, errURL(fmt.Sprintf("%.200q does not name slug %s in %q", clean(url), want, string(s.place)))
	}
	var data []byte
	err = s.retry(ctx, func() error {
		body, err := s.get(ctx, indexKey(hex))
		if err != nil {
			if fault.Of(err).ID == "blobstore/missing" {
				return s.missing("slug " + want.String())
			}
			return err
		}
		defer body.Close()
		if data, err = io.ReadAll(io.LimitReader(body, maxIndex+1)); err != nil {
			return s.network(ctx, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	parts, err := decode(data, want)
	if err != nil {
		return nil, s.damaged("the index of slug "+want.String(), err)
	}
	return parts, nil
}

func checkDigest(file string, is, want digest.Digest) error {
	if is == want {
		return nil
	}
	return fault.New(
		fault.Slugc,
		fault.ExitPack,
		"slug/damaged",
		fmt.Errorf("storing slug %q: its digest is %s, not %s", file, is, want),
		"fetch it or build it again",
	)
}

func end(parts []slug.Part) int64 {
	last := parts[len(parts)-1]
	return last.Offset + last.Size
}

func indices(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
