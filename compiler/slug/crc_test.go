package slug

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

func TestCombineCRC(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 511, 512, 4095, 65536, 1 << 20} {
		for _, m := range []int{0, 1, 3, 512, 70000} {
			b := make([]byte, n+m)
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			want := crc32.ChecksumIEEE(b)
			if got := combineCRC(crc32.ChecksumIEEE(b[:n]), crc32.ChecksumIEEE(b[n:]), int64(m)); got != want {
				t.Errorf("%d and %d bytes: got %08x, want %08x", n, m, got, want)
			}
		}
	}
}

func TestCombineCRCOfLongRuns(t *testing.T) {
	t.Parallel()
	// Zeros appended one by one and by one combination must agree however long the run is: past 4
	// GiB, too.
	half := int64(3 << 30)
	zeros := combineCRC(0xffffffff, 0, half)
	if got, want := combineCRC(zeros, 0, half), combineCRC(0xffffffff, 0, 2*half); got != want {
		t.Errorf("got %08x, want %08x", got, want)
	}
}
