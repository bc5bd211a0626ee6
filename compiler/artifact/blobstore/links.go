package blobstore

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"slugc/cache/digest"
	"slugc/compiler/launch"
	"slugc/compiler/slug"
)

// linksOf returns a layer with the links that lead to the app from the other paths at which its processes are to see
// it ([slug.Manifest]); nil for an app without. /app itself is the slug's own directory.
func linksOf(m *slug.Manifest) (*blob, error) {
	if err := launch.CheckMounts(m.Mounts); err != nil || len(m.Mounts) < 2 {
		return nil, err
	}
	var plain, packed bytes.Buffer
	w := tar.NewWriter(&plain)
	var errs []error
	for _, place := range launch.Places(m.Mounts[0], m.Mounts)[1:] {
		errs = append(errs, w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeSymlink, Name: strings.TrimPrefix(place.At, "/"),
			Linkname: strings.TrimPrefix(place.From, "/"), Mode: 0o777, ModTime: created.Time, Format: tar.FormatUSTAR,
		}))
	}
	// Without compression, its bytes do not depend on the version of the compressor.
	z, err := gzip.NewWriterLevel(&packed, gzip.NoCompression)
	if err == nil {
		errs = append(errs, w.Close())
		_, err = z.Write(plain.Bytes())
		errs = append(errs, err, z.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("writing the links of an image: %w", err)
	}
	return &blob{
		digest: digest.Of(packed.Bytes()),
		diff:   digest.Of(plain.Bytes()),
		size:   int64(packed.Len()),
		media:  types.OCILayer,
		open:   func() io.Reader { return bytes.NewReader(packed.Bytes()) },
	}, nil
}
