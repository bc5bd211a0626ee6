package slug

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"slugc/cache/digest"
)

func TestPaddingFillsAnyLength(t *testing.T) {
	t.Parallel()
	for before := int64(0); before < align; before++ {
		pad := padding(before)
		if (before+int64(len(pad)))%align != 0 {
			t.Fatalf("%d bytes are padded by %d", before, len(pad))
		}
		got, err := io.ReadAll(flate.NewReader(bytes.NewReader(append(pad, lastBlock...))))
		if err != nil || len(got) != 0 {
			t.Fatalf("padding of %d bytes inflates to %d bytes, %v", len(pad), len(got), err)
		}
	}
}

// TestCodec holds the codec's name to the compressor's output: when this fails, the compressor, the
// level or the layout has changed, and codec must change with it, so that no store mixes bytes of
// two kinds.
func TestCodec(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	random := rand.New(rand.NewPCG(3, 4))
	words := strings.Fields(
		"require module exports function return const let if else for while class static async await",
	)
	for text.Len() < 3<<20 {
		text.WriteString(words[random.IntN(len(words))])
		text.WriteByte(" \n;(){}"[random.IntN(7)])
		if random.IntN(50) == 0 {
			text.WriteByte(byte(random.Uint32()))
		}
	}
	var out bytes.Buffer
	if _, _, err := new(deflater).write(&out, text.Bytes(), 0); err != nil {
		t.Fatal(err)
	}
	const want = "sha256:c1618fd65e2f1cd590f49b4da362551a41f768e4d84d895acc39d0d191aed4c5"
	if got := digest.Of(out.Bytes()); got != want {
		t.Errorf("a known text compresses to %s, want %s: change codec and this digest", got, want)
	}
	version := strings.TrimPrefix(strings.Fields(codec)[1], "klauspost/compress/flate-")
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "klauspost/compress v"+version+"\n") {
		t.Errorf("codec names version %s of the compressor, go.mod another", version)
	}
}

func TestSegmentsEndAtAByte(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 100, 1 << 20} {
		var out bytes.Buffer
		n, _, err := new(deflater).write(&out, bytes.Repeat([]byte("x"), size), 10)
		if err != nil {
			t.Fatal(err)
		}
		if int64(out.Len()) != n || (n+10)%align != 0 || !bytes.HasSuffix(out.Bytes(), endOfFlush) {
			t.Errorf("%d bytes become %d, said to be %d", size, out.Len(), n)
		}
	}
}
