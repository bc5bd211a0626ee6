package slug

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRandomRunsAreStored: runs that a compressor makes no smaller are stored, whatever lies around
// them, and every mixture inflates to what it was. A deflater that made other segments before makes
// the same bytes as a new one.
func TestRandomRunsAreStored(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 200<<10)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(noise)
	var text bytes.Buffer
	for i := range 9999 {
		fmt.Fprintf(&text, "exports[%d] = require(%q)\n", i, strings.Repeat("../", i%7))
	}
	words := text.Bytes()
	used := new(deflater)
	for name, test := range map[string]struct {
		parts  [][]byte
		stored int
	}{
		"nothing":          {nil, 0},
		"text":             {[][]byte{words}, 0},
		"noise":            {[][]byte{noise}, 200 << 10 / chunk * chunk},
		"a piece of noise": {[][]byte{noise[:chunk-1]}, 0},
		"a short run":      {[][]byte{words[:chunk], noise[:chunk], words}, 0},
		"noise in text":    {[][]byte{words[:3*chunk], noise[:2*chunk], words}, 2 * chunk},
		"noise twice":      {[][]byte{noise[:chunk*2], words[:chunk], noise, words}, 14 * chunk},
		"text at the end":  {[][]byte{noise[:chunk*3], words[:100]}, 3 * chunk},
	} {
		b := bytes.Join(test.parts, nil)
		var out, again bytes.Buffer
		n, sum, err := new(deflater).write(&out, b, 10)
		if _, _, err := used.write(&again, b, 10); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
			t.Errorf("%s: a deflater makes other bytes after others: %v", name, err)
		}
		if err != nil || int64(out.Len()) != n || (n+10)%align != 0 || !bytes.HasSuffix(out.Bytes(), endOfFlush) {
			t.Errorf("%s: %d bytes become %d, said to be %d with sum %x, %v", name, len(b), out.Len(), n, sum, err)
		}
		out.Write(lastBlock)
		if got, err := io.ReadAll(flate.NewReader(&out)); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: it inflates to %d bytes of %d, %v", name, len(got), len(b), err)
		}
		stored := 0
		for rest := b; len(rest) > 0; {
			compressed, run := nextRuns(rest)
			stored, rest = stored+run, rest[compressed+run:]
		}
		if stored != test.stored {
			t.Errorf("%s: %d bytes are stored, want %d", name, stored, test.stored)
		}
	}
}
