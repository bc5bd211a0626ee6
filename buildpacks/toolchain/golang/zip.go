package golang

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
	"golang.org/x/mod/sumdb/dirhash"
)

// Bounds of a module zip, before anything is known of where it comes from.
const (
	maxZipEntries = 200_000
	maxZipBytes   = 2 << 30
)

// hashZip is dirhash.HashZip for a zip that may be hostile: it bounds the bytes that come out and
// ends with the context.
func hashZip(ctx context.Context, file string) (string, error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return "", err
	}
	defer z.Close()
	z.RegisterDecompressor(zip.Deflate, func(r io.Reader) io.ReadCloser { return flate.NewReader(r) })
	if len(z.File) > maxZipEntries {
		return "", errors.New("it has more than 200000 entries")
	}
	names := make([]string, 0, len(z.File))
	files := make(map[string]*zip.File, len(z.File))
	for _, f := range z.File {
		if files[f.Name] != nil {
			return "", errors.New("it has an entry twice")
		}
		names, files[f.Name] = append(names, f.Name), f
	}
	var left atomic.Int64
	left.Store(maxZipBytes)
	return dirhash.Hash1(names, func(name string) (io.ReadCloser, error) {
		r, err := files[name].Open()
		if err != nil {
			return nil, err
		}
		return &budgetReader{r, ctx, &left}, nil
	})
}

// budgetReader takes the bytes it reads from a budget.
type budgetReader struct {
	io.ReadCloser
	ctx  context.Context
	left *atomic.Int64
}

func (c *budgetReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.ReadCloser.Read(p)
	if c.left.Add(int64(-n)) < 0 {
		return n, errors.New("it is larger than 2 GB unpacked")
	}
	return n, err
}
