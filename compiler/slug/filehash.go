package slug

import (
	"crypto/sha256"
	"encoding"
	"fmt"
	"hash"
	"io"
	"os"

	"slugc/cache/digest"
)

// hashStep is the least number of bytes between two kept states of the file's hash.
const hashStep = 8 << 20

// fileHash computes the digest of a slug's file while the file grows. It resumes from the last place up to which
// a former slug had the same segments (all of them were checked before they were copied), and keeps new states
// of the hash to resume from.
type fileHash struct {
	f       *os.File
	h       hash.Hash
	known   map[digest.Digest][]byte // states of the former slug, by the chain of digests up to the place
	states  map[digest.Digest][]byte // of this one
	chain   digest.Digest            // of what is before the next segment
	done    int64                    // bytes hashed
	last    int64                    // the last place with a state; 0 if there is none
	resumed bool                     // its state was known
}

func newFileHash(f *os.File, head []byte, known map[digest.Digest][]byte) fileHash {
	return fileHash{f: f, h: sha256.New(), known: known, states: map[digest.Digest][]byte{}, chain: digest.Of(head)}
}

// add takes the next segment's digest. The file has everything up to its end, which is at the offset.
func (h *fileHash) add(segment digest.Digest, end int64) error {
	h.chain = digest.Of([]byte(h.chain + segment))
	if h.last > 0 && end-h.last < hashStep {
		return nil
	}
	first := h.last == 0
	h.last = end
	if state, ok := h.known[h.chain]; ok && (first || h.resumed) && restore(h.h, state) {
		h.states[h.chain], h.done, h.resumed = state, end, true
		return nil
	}
	h.resumed = false
	if err := h.read(end); err != nil {
		return err
	}
	state, err := h.h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return err
	}
	h.states[h.chain] = state
	return nil
}

// read hashes what is not hashed yet, up to the offset.
func (h *fileHash) read(end int64) error {
	if _, err := io.Copy(h.h, io.NewSectionReader(h.f, h.done, end-h.done)); err != nil {
		return fmt.Errorf("reading %q: %w", h.f.Name(), err)
	}
	h.done = end
	return nil
}

// sum returns the digest of the whole file of that size.
func (h *fileHash) sum(size int64) (digest.Digest, error) {
	if err := h.read(size); err != nil {
		return "", err
	}
	return digest.Sum(h.h), nil
}

// restore sets a hash to a kept state, and reports whether it could.
func restore(h hash.Hash, state []byte) bool {
	return h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state) == nil
}
