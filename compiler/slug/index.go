package slug

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/abi"
)

// The bounds of what a store keeps.
const (
	maxIndex       = 256 << 20 // bytes
	keptPerName    = 3         // records of a section, by key: the latest
	keptAltogether = 64        // records
)

// location says where a store keeps a segment's compressed bytes.
type location struct {
	Pack   string `json:"pack"`   // file name
	Offset int64  `json:"offset"` // in it
	Size   int64  `json:"size"`
	Tar    int64  `json:"tar"` // uncompressed
	CRC    uint32 `json:"crc"` // CRC-32 (IEEE) of the uncompressed bytes
	Sum    uint32 `json:"sum"` // CRC-32C of the compressed bytes
}

// segment describes the compressed bytes as a segment at the offset of a file.
func (l location) segment(offset int64, d digest.Digest) Segment {
	return Segment{Offset: offset, Size: l.Size, Tar: l.Tar, Digest: d, CRC: l.CRC, Sum: l.Sum}
}

// record describes a section of a former pack.
type record struct {
	Name     string        `json:"name"`
	Key      string        `json:"key,omitempty"`
	Prefix   string        `json:"prefix"`
	Roots    []string      `json:"roots"`
	Holes    []string      `json:"holes,omitempty"`
	Scanned  int64         `json:"scanned"` // when its scan started, Unix nanoseconds
	Segments []keptSegment `json:"segments"`
}

// keptSegment is one segment of a record.
type keptSegment struct {
	Digest  digest.Digest `json:"digest"`
	Files   string        `json:"files"` // fingerprint of its plan; "" if that is not known
	Part    int           `json:"part,omitempty"`
	Entries int           `json:"entries"`
	ABI     []abi.File    `json:"abi,omitempty"` // what counts of the files that start in it
}

// index is what a store knows. The latest record is the last.
type index struct {
	Codec    string                     `json:"codec"`
	Segments map[digest.Digest]location `json:"segments"` // by digest
	Records  []record                   `json:"records"`
	Packs    map[string]mark            `json:"packs"`            // how pack files looked when they were good
	Hashes   map[digest.Digest][]byte   `json:"hashes"`           // states of the file's SHA-256, by what was hashed
	Linked   string                     `json:"linked,omitempty"` // the pack file that is the last slug
	Former   string                     `json:"former,omitempty"` // the one that is the slug before
}

// newIndex returns an empty index.
func newIndex() *index {
	return &index{
		Codec:    codec,
		Segments: map[digest.Digest]location{},
		Packs:    map[string]mark{},
		Hashes:   map[digest.Digest][]byte{},
	}
}

// readIndex reads the index in the directory. A missing or damaged one, or one of another codec, is
// read as empty, because everything in a store can be made again. Only a disk that cannot be read
// is an error.
func readIndex(dir string) (*index, error) {
	name := filepath.Join(dir, indexName)
	if info, err := os.Stat(name); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() > maxIndex {
		return newIndex(), nil
	} else if err != nil {
		return nil, fmt.Errorf("examining %q: %w", name, err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	sum, body, ok := bytes.Cut(b, []byte("\n"))
	got := sha256.Sum256(body)
	x := newIndex()
	if !ok || string(sum) != hex.EncodeToString(got[:]) || json.Unmarshal(body, x) != nil || x.Codec != codec {
		return newIndex(), nil
	}
	return x, nil
}

// write replaces the index in the directory in one step.
func (x *index) write(dir string) error {
	body, err := json.Marshal(x)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	name := filepath.Join(dir, indexName)
	content := slices.Concat([]byte(hex.EncodeToString(sum[:])), []byte("\n"), body)
	return disk.WriteFile(name, content, 0o644)
}

// find returns the latest record of the name and key whose segments are all known.
func (x *index) find(name, key string) (record, bool) {
	for _, r := range slices.Backward(x.Records) {
		if r.Name == name && r.Key == key && x.complete(r) {
			return r, true
		}
	}
	return record{}, false
}

// complete reports whether all segments of the record are known.
func (x *index) complete(r record) bool {
	for _, s := range r.Segments {
		if _, ok := x.Segments[s.Digest]; !ok {
			return false
		}
	}
	return true
}

// add appends a record, replaces the one of the same name and key, and drops the oldest ones
// if the index is bounded.
func (x *index) add(r record, bounded bool) {
	x.Records = slices.DeleteFunc(x.Records, func(o record) bool { return o.Name == r.Name && o.Key == r.Key })
	x.Records = append(x.Records, r)
	if !bounded {
		return
	}
	seen := 0
	for i, o := range slices.Backward(x.Records) {
		if o.Name != r.Name {
			continue
		}
		if seen++; seen > keptPerName {
			x.Records = slices.Delete(x.Records, i, i+1)
			break
		}
	}
	if n := len(x.Records) - keptAltogether; n > 0 {
		x.Records = slices.Delete(x.Records, 0, n)
	}
}

// has reports whether a section of that name is recorded.
func (x *index) has(name string) bool {
	return slices.ContainsFunc(x.Records, func(r record) bool { return r.Name == name })
}

// drop drops the records of a section that a shared store keeps now.
func (x *index) drop(name string) {
	x.Records = slices.DeleteFunc(x.Records, func(r record) bool { return r.Name == name })
}

// sweep drops segments that no record uses.
func (x *index) sweep() {
	used := map[digest.Digest]bool{}
	for _, r := range x.Records {
		for _, s := range r.Segments {
			used[s.Digest] = true
		}
	}
	for d := range x.Segments {
		if !used[d] {
			delete(x.Segments, d)
		}
	}
}

// packs returns the names of the pack files that the index refers to.
func (x *index) packs() map[string]bool {
	names := map[string]bool{}
	for _, l := range x.Segments {
		names[l.Pack] = true
	}
	return names
}
