package blobstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/slug"
)

// objects is a flat place for objects by key. Its errors are faults.
type objects interface {
	// put writes an object, whole or not at all, durable when it returns. want is the digest of the
	// body, which is checked.
	put(ctx context.Context, key string, body *io.SectionReader, want digest.Digest) error
	// get opens an object. The error is ErrMissing if there is none.
	get(ctx context.Context, key string) (io.ReadCloser, error)
	// has reports whether there is an object of that size and, as far as that can be known without
	// fetching it, of that digest ("": any).
	has(ctx context.Context, key string, size int64, want digest.Digest) (bool, error)
	// url names an object for other machines.
	url(key string) string
}

// partStore keeps slugs among objects, as parts and indexes.
type partStore struct {
	Options
	location
	objects
}

// The keys of a part and of a slug's index. The digests have been checked.
func partKey(d digest.Digest) string  { return "parts/" + d.Hex() }
func indexKey(d digest.Digest) string { return "slugs/" + d.Hex() + ".json" }

func (s *partStore) Put(ctx context.Context, file string, want digest.Digest) (string, Transfer, error) {
	if err := checkDigest(want); err != nil {
		return "", Transfer{}, err
	}
	parts, is, err := slug.Parts(ctx, file, false)
	if err != nil {
		return "", Transfer{}, err
	}
	if is != want {
		return "", Transfer{}, otherSlug(file, is, want)
	}
	f, err := disk.OpenRegular(file)
	if err != nil {
		return "", Transfer{}, fmt.Errorf("storing slug: %w", err)
	}
	defer f.Close()
	c := counter{progress: s.Progress, total: end(parts)}
	sent := make([]bool, len(parts)) // also in an earlier attempt, whose answer was lost
	err = s.forEach(ctx, indices(len(parts)), func(ctx context.Context, i int) error {
		p := parts[i]
		found, err := s.has(ctx, partKey(p.Digest), p.Size, p.Digest)
		if err == nil && !found {
			sent[i] = true
			err = s.send(ctx, partKey(p.Digest), io.NewSectionReader(f, p.Offset, p.Size), p.Digest)
		}
		if err == nil {
			c.add(p.Size, !sent[i])
		}
		return err
	})
	if err != nil {
		return "", c.transfer(), err
	}
	data, err := encodeIndex(want, parts)
	if err != nil {
		return "", c.transfer(), err
	}
	body := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	err = s.retry(ctx, func() error { return s.send(ctx, indexKey(want), body, digest.Of(data)) })
	return s.url(indexKey(want)), c.transfer(), err
}

// send writes an object, and checks that the store has it.
func (s *partStore) send(ctx context.Context, key string, body *io.SectionReader, want digest.Digest) error {
	if _, err := body.Seek(0, io.SeekStart); err != nil { // of an earlier attempt
		return err
	}
	if err := s.put(ctx, key, body, want); err != nil {
		return err
	}
	found, err := s.has(ctx, key, body.Size(), want)
	if err == nil && !found {
		err = s.unreachable(fmt.Errorf("it took %q but does not have it as it was sent", key))
	}
	return err
}

func (s *partStore) Get(
	ctx context.Context, url string, want digest.Digest, to string, have []string,
) (Transfer, error) {
	parts, err := s.index(ctx, url, want)
	if err != nil {
		return Transfer{}, err
	}
	r, err := slug.NewRebuild(to, want, parts, false)
	if err != nil {
		return Transfer{}, err
	}
	defer r.Close()
	open := func(ctx context.Context, i int) (io.Reader, io.Closer, error) {
		body, err := s.get(ctx, partKey(parts[i].Digest))
		return body, body, err
	}
	return s.fetch(ctx, s.location, rebuilding{r, parts, have}, open)
}

func (s *partStore) Stat(ctx context.Context, url string, want digest.Digest) error {
	parts, err := s.index(ctx, url, want)
	if err != nil {
		return err
	}
	return s.forEach(ctx, indices(len(parts)), func(ctx context.Context, i int) error {
		p := parts[i]
		found, err := s.has(ctx, partKey(p.Digest), p.Size, "")
		if err == nil && !found {
			err = s.missing(fmt.Sprintf("the part %s of slug %s", p.Digest, want))
		}
		return err
	})
}

// index reads a slug's index.
func (s *partStore) index(ctx context.Context, url string, want digest.Digest) ([]slug.Part, error) {
	if err := checkDigest(want); err != nil {
		return nil, err
	}
	key := indexKey(want)
	if url != "" && url != s.url(key) {
		return nil, badURL("%.200q does not name slug %s in %q", withoutSecrets(url), want, string(s.location))
	}
	var data []byte
	err := s.retry(ctx, func() error {
		body, err := s.get(ctx, key)
		if errors.Is(err, ErrMissing) {
			return s.missing("slug " + want.String())
		}
		if err != nil {
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
	parts, err := decodeIndex(data, want)
	if err != nil {
		return nil, s.damaged("the index of slug "+want.String(), err)
	}
	return parts, nil
}

// checkDigest refuses what must not become part of a name in a store.
func checkDigest(d digest.Digest) error {
	if _, err := digest.Parse(string(d)); err != nil {
		return fmt.Errorf("naming a slug in the store: %w", err)
	}
	return nil
}

// otherSlug is the fault of a file that is not the slug it should be.
func otherSlug(file string, is, want digest.Digest) error {
	return fault.New(fault.Slugc, fault.ExitPack, "slug/damaged",
		fmt.Errorf("storing slug %q: its digest is %s, not %s", file, is, want), "fetch it or build it again")
}

// end is the size of a slug that consists of the parts.
func end(parts []slug.Part) int64 {
	last := parts[len(parts)-1]
	return last.Offset + last.Size
}

// indices are 0 to n-1.
func indices(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
