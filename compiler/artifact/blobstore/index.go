package blobstore

import (
	"encoding/json"
	"errors"
	"fmt"

	"slugc/cache/digest"
	"slugc/compiler/slug"
)

// The limits of what a store may say of a slug. A slug of 1 GiB has less than a hundred parts.
const (
	maxIndex = 1 << 20
	maxCount = 4096     // parts
	maxSlug  = 16 << 30 // bytes
)

// index says what a slug is made of; it is kept as JSON.
type index struct {
	Format int           `json:"format"`
	Digest digest.Digest `json:"digest"` // of the slug's file
	Size   int64         `json:"size"`
	Parts  []indexPart   `json:"parts"` // end to end
}

type indexPart struct {
	Section string        `json:"section,omitempty"` // for people
	Size    int64         `json:"size"`
	Digest  digest.Digest `json:"digest"` // of its bytes
}

const indexFormat = 1

// encode gives a slug's index.
func encode(d digest.Digest, parts []slug.Part) ([]byte, error) {
	x := index{Format: indexFormat, Digest: d}
	for _, p := range parts {
		x.Size += p.Size
		x.Parts = append(x.Parts, indexPart{p.Section, p.Size, p.Digest})
	}
	data, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing the index of slug %s: %w", d, err)
	}
	return append(data, '\n'), nil
}

// decode reads the index of the slug of that digest; nothing in it is believed but what is checked.
func decode(data []byte, want digest.Digest) ([]slug.Part, error) {
	var x index
	if len(data) > maxIndex {
		return nil, fmt.Errorf("it is larger than %d bytes", maxIndex)
	}
	if err := json.Unmarshal(data, &x); err != nil {
		return nil, errors.New("it is not JSON as this slugc writes it")
	}
	if x.Format != indexFormat {
		return nil, fmt.Errorf("it is of format %d, this slugc reads format %d", x.Format, indexFormat)
	}
	if x.Digest != want {
		return nil, errors.New("it is another slug's")
	}
	var parts []slug.Part
	for _, p := range x.Parts {
		parts = append(parts, slug.Part{Section: p.Section, Size: p.Size, Digest: p.Digest})
	}
	if err := layOut(parts, x.Size); err != nil {
		return nil, err
	}
	return parts, nil
}

// layOut checks parts that a store names, which lie end to end, and sets where.
func layOut(parts []slug.Part, size int64) error {
	if len(parts) < 2 || len(parts) > maxCount {
		return fmt.Errorf("it names %d parts", len(parts))
	}
	at := int64(0)
	for i, p := range parts {
		if p.Size <= 0 || p.Size > maxSlug || !valid(p.Digest) {
			return fmt.Errorf("its part %d has no sound size and digest", i)
		}
		parts[i].Offset = at
		at += p.Size
	}
	if at != size || size > maxSlug {
		return fmt.Errorf("its parts are of %d bytes, it says %d", at, size)
	}
	return nil
}
