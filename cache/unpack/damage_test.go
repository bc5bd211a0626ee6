package unpack_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/unpack"
)

// patch changes the first header of a tar and makes its checksum right again.
func patch(data []byte, change func(header []byte)) []byte {
	data = bytes.Clone(data)
	change(data[:512])
	copy(data[148:156], "        ")
	sum := 0
	for _, b := range data[:512] {
		sum += int(b)
	}
	copy(data[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return data
}

// damagedArchive is an archive that must be refused.
type damagedArchive struct {
	name string
	data []byte
	want error // nil: any Refusal
}

// damagedArchives returns archives that are cut, changed or none.
func damagedArchives(t *testing.T) []damagedArchive {
	t.Helper()
	plain := makeTar(t, items(file("a", strings.Repeat("a", 3000)), file("b", "b"), dir("c")))
	gz := compress(t, plain, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
	zipped := makeZip(t, items(file("a", strings.Repeat("a", 3000)), file("b", "b")))
	flip := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 0x40
		return data
	}
	return []damagedArchive{
		{"nothing", nil, unpack.ErrFormat},
		{"text", []byte("hello, world\n"), unpack.ErrFormat},
		{"long text", bytes.Repeat([]byte("hello\n"), 1000), unpack.ErrFormat},
		{
			"compressed text",
			compress(t, []byte("hello"), func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }),
			unpack.ErrFormat,
		},
		{"magic only", []byte{0x1f, 0x8b}, unpack.ErrDamaged},
		{"bzip2 magic only", []byte("BZh9"), unpack.ErrDamaged},
		{"xz magic only", []byte("\xfd7zXZ\x00"), unpack.ErrDamaged},
		{"zip magic only", []byte("PK\x03\x04"), unpack.ErrDamaged},
		{"checksum", flip(plain, 0), unpack.ErrFormat},
		{"second checksum", flip(plain, 512+3072), unpack.ErrDamaged},
		{"gzip checksum", flip(gz, len(gz)-6), unpack.ErrDamaged},
		{"gzip cut", gz[:len(gz)-4], unpack.ErrDamaged},
		{"gzip and garbage", append(bytes.Clone(gz), "garbage"...), unpack.ErrDamaged},
		{"zip content", flip(zipped, 34), unpack.ErrDamaged},
		{"zip cut", zipped[:len(zipped)-30], unpack.ErrDamaged},
		{
			"negative size",
			patch(plain, func(h []byte) { copy(h[124:136], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff") }),
			unpack.ErrFormat,
		},
		{
			"declared 8 EiB",
			patch(plain, func(h []byte) { copy(h[124:136], "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff") }),
			nil,
		},
		{
			"declared 1 TiB",
			patch(plain, func(h []byte) { copy(h[124:136], "\x80\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00") }),
			nil,
		},
		{"declared too much", patch(plain, func(h []byte) { copy(h[124:136], "00000100000\x00") }), unpack.ErrDamaged},
		{"slash after a file", patch(plain, func(h []byte) { copy(h, "a/"); h[156] = tar.TypeReg }), nil},
		{"zip encrypted", zipHeader(t, func(h *zip.FileHeader) { h.Flags |= 1 }), nil},
		{"zip by bzip2", zipHeader(t, func(h *zip.FileHeader) { h.Method = 12 }), nil},
		{"zip by zstd", zipHeader(t, func(h *zip.FileHeader) { h.Method = 93 }), nil},
		{"zip size of 2^63", zipHeader(t, func(h *zip.FileHeader) { h.UncompressedSize64 = 1 << 63 }), nil},
		{
			"zip more than declared",
			zipHeader(t, func(h *zip.FileHeader) { h.UncompressedSize64 = 1 }),
			unpack.ErrDamaged,
		},
		{"zip too short", zipHeader(t, func(h *zip.FileHeader) { h.UncompressedSize64 = 9 }), unpack.ErrDamaged},
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	for _, tt := range damagedArchives(t) {
		t.Run(tt.name, func(t *testing.T) {
			err := unpackBeside(t, tt.data, unpack.Options{})
			_, refused := errors.AsType[*unpack.Refusal](err)
			if tt.want == nil && !refused || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// TestCutAndUnusual cuts a tar at every block, and unpacks archives that are unusual but sound.
func TestCutAndUnusual(t *testing.T) {
	t.Parallel()
	plain := makeTar(t, items(file("a", strings.Repeat("a", 3000)), file("b", "b"), dir("c")))
	t.Run("cut at every block", func(t *testing.T) {
		for end := 512; end < len(plain)-1024; end += 512 {
			if err := unpackBeside(t, plain[:end], unpack.Options{}); !errors.Is(err, unpack.ErrDamaged) {
				t.Errorf("cut at %d: error %v", end, err)
			}
		}
	})
	t.Run("empty tar", func(t *testing.T) {
		if err := unpackBeside(t, make([]byte, 10240), unpack.Options{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("empty zip", func(t *testing.T) {
		if err := unpackBeside(t, makeZip(t, nil), unpack.Options{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("gzip in members", func(t *testing.T) {
		half := len(plain) / 2
		open := func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }
		if err := unpackBeside(t, append(compress(t, plain[:half], open), compress(t, plain[half:], open)...),
			unpack.Options{}); err != nil {
			t.Error(err)
		}
	})
}

// zipHeader makes a zip of one file of 5 bytes whose header is changed and not true to them.
func zipHeader(t *testing.T, change func(*zip.FileHeader)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "f", UncompressedSize64: 5, CompressedSize64: 5, CRC32: 0x3610a686}
	change(h)
	f, err := w.CreateRaw(h)
	if err == nil {
		_, err = io.WriteString(f, "hello")
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLimits(t *testing.T) {
	t.Parallel()
	many := make([]item, 50)
	for i := range many {
		many[i] = file(fmt.Sprintf("d%d/f", i), "0123456789")
	}
	small := unpack.Limits{Bytes: 499, Files: 99, Depth: 2, PathLen: 20, NameLen: 5}
	tests := []struct {
		name   string
		limits unpack.Limits
		items  []item
		ok     bool
	}{
		{"just enough", unpack.Limits{Bytes: 500, Files: 100}, many, true},
		{"bytes", unpack.Limits{Bytes: 499}, many, false},
		{"files", unpack.Limits{Files: 99}, many, false},
		{"depth", small, items(file("a/b/c", "")), false},
		{"depth kept", small, items(file("a/b", "")), true},
		{"name", small, items(file("abcdef", "")), false},
		{"path", small, items(file(strings.Repeat("a/", 10)+"b", "")), false},
		{"target", small, items(symlink("l", strings.Repeat("a", 21))), false},
	}
	for _, tt := range tests {
		for format, make := range formats {
			err := unpackBeside(t, make(t, tt.items), unpack.Options{Limits: tt.limits})
			r, refused := errors.AsType[*unpack.Refusal](err)
			if tt.ok && err != nil || !tt.ok && (!refused || !r.TooLarge) {
				t.Errorf("%s, %s: error %v", tt.name, format, err)
			}
		}
	}
}

// zeros is a source of n zeros.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

// TestBombs unpacks what is small and gets large. Nothing of it may reach the disk but what the
// limit allows.
func TestBombs(t *testing.T) {
	t.Parallel()
	const big = 64 << 20
	limits := unpack.Limits{Bytes: 1 << 20, Files: 100}
	head := makeTar(t, items(file("zeros", "")))[:512]
	declared := patch(head, func(h []byte) { copy(h[124:136], "00400000000\x00") }) // 64 MiB
	raw := filepath.Join(t.TempDir(), "zeros.tar")
	f, err := os.Create(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, io.MultiReader(bytes.NewReader(declared), &zeros{big + 1024})); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, tool := range []string{"gzip", "bzip2", "xz", "zstd", "cat"} {
		out, err := exec.Command(tool, map[bool][]string{true: {raw}, false: {"-1c", raw}}[tool == "cat"]...).Output()
		if err != nil {
			t.Fatal(err)
		}
		err = unpackBeside(t, out, unpack.Options{Limits: limits})
		wantTooLarge(t, tool, err)
		// The same when the entry is skipped: what is only read past is bounded too.
		err = unpackBeside(t, out, unpack.Options{Limits: limits, Only: func(string) bool { return false }})
		wantTooLarge(t, tool+", skipped", err)
	}
	// A compressed tail behind the end of the tar.
	tail := compress(t, nil, func(w io.Writer) (io.WriteCloser, error) {
		z := gzip.NewWriter(w)
		_, err := io.Copy(z, io.MultiReader(bytes.NewReader(makeTar(t, items(file("a", "x")))), &zeros{big}))
		return z, err
	})
	wantTooLarge(t, "tail", unpackBeside(t, tail, unpack.Options{Limits: limits}))

	many := make([]item, 6000)
	for i := range many {
		many[i] = file(fmt.Sprint(i), "")
	}
	for format, make := range formats {
		wantTooLarge(t, "entries in "+format, unpackBeside(t, make(t, many), unpack.Options{Limits: limits}))
	}
}

func wantTooLarge(t *testing.T, what string, err error) {
	t.Helper()
	if r, ok := errors.AsType[*unpack.Refusal](err); !ok || !r.TooLarge {
		t.Errorf("%s: error %v, want one that says too large", what, err)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for format, make := range formats {
		_, err := unpack.Archive(ctx, bytes.NewReader(make(t, items(file("a", "x")))), t.TempDir(), unpack.Options{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want that it is cancelled", format, err)
		}
	}
}

// TestReadError checks that trouble in reading is not called damage of the archive.
func TestReadError(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	for format, make := range formats {
		data := make(t, items(file("a", strings.Repeat("x", 100_000))))
		r := io.MultiReader(bytes.NewReader(data[:len(data)/2]), errorReader{broken})
		_, err := unpack.Archive(context.Background(), r, t.TempDir(), unpack.Options{})
		if !errors.Is(err, broken) || errors.Is(err, unpack.ErrDamaged) {
			t.Errorf("%s: error %v, want %v", format, err, broken)
		}
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// FuzzArchive looks for archives that make the reader panic or write outside.
func FuzzArchive(f *testing.F) {
	for _, make := range formats {
		f.Add(make(f, items(dir("d"), file("d/f", "hello"), symlink("l", "d/f"))))
		f.Add(make(f, items(symlink("l", "../canary"), file("l/x", "x"))))
	}
	f.Add(makeTar(f, items(file("a", "x"), hard("b", "a"))))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := unpackBeside(
			t,
			data,
			unpack.Options{Limits: unpack.Limits{Bytes: 1 << 16, Files: 64, Depth: 16, PathLen: 256}, KeepTimes: true},
		)
		if err != nil && strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("error of more than a line: %q", err)
		}
	})
}
