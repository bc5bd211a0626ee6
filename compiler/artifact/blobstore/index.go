package blobstore

import (
	"encoding/json"
	"errors"
	"fmt"

	"slugc/cache/digest"
	"slugc/compiler/slug"
)

// The limits of what is read of a slug's description. A slug of 1 GiB has fewer than a hundred
// parts.
const (
	maxIndex = 1 << 20  // bytes of an index or a manifest
	maxParts = 4096     // of a slug
	maxSlug  = 16 << 30 // bytes of a slug
)

// index lists the parts of a slug. It is kept as JSON.
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

// encodeIndex returns a slug's index.
func encodeIndex(d digest.Digest, parts []slug.Part) ([]byte, error) {
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

// decodeIndex reads the index of the slug want. It trusts nothing that it has not checked.
func decodeIndex(data []byte, want digest.Digest) ([]slug.Part, error) {
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
	if err := setOffsets(parts, x.Size); err != nil {
		return nil, err
	}
	return parts, nil
}

// setOffsets checks the parts that a store lists and sets their offsets: they lie end to end and
// have size bytes.
func setOffsets(parts []slug.Part, size int64) error {
	if len(parts) < 2 || len(parts) > maxParts {
		return fmt.Errorf("it names %d parts", len(parts))
	}
	at := int64(0)
	for i, p := range parts {
		if p.Size <= 0 || p.Size > maxSlug || checkDigest(p.Digest) != nil {
			return fmt.Errorf("its part %d has no valid size and digest", i)
		}
		parts[i].Offset = at
		at += p.Size
	}
	if at != size || size > maxSlug {
		return fmt.Errorf("its parts have %d bytes, it says %d", at, size)
	}
	return nil
}
