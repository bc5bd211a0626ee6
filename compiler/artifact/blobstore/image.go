package blobstore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slugc/cache/digest"
	"slugc/compiler/slug"
)

// The annotations of a slug's image, from which the slug is rebuilt.
const (
	slugDigest   = "io.slugc.slug.digest"  // of the manifest: the slug file's
	slugSize     = "io.slugc.slug.size"    // of the manifest: the slug file's
	slugTrailer  = "io.slugc.slug.trailer" // of the manifest: the last 8 bytes of the slug's file, in hexadecimal
	partDigest   = "io.slugc.part.digest"  // of a layer: the part's
	partSection  = "io.slugc.part.section" // of a layer: the section it is of, for people
	linksTo      = "io.slugc.links"        // of a last layer that is no part of the slug: where its links lead
	processTypes = "io.slugc.process-types"
)

// created is the time of all images, so that a slug's image has one digest.
var created = v1.Time{Time: time.Date(1980, 1, 1, 0, 0, 1, 0, time.UTC)}

// entrypoint starts an app as package launch does, in a shell that has sourced .profile.d. The slug
// has no shell of its own: it runs on a base image with bash. If a layer of another's buildpack has programs in
// exec.d, the profile runs them with slugc, which must then be on the image's PATH, or where SLUGC_LAUNCHER says.
const entrypoint = `cd /app; for f in .profile.d/*.sh .profile; do if [ -f "$f" ]; then . "$f"; fi; done; eval "$0"`

// imageConfig is the configuration of a slug's image, without its layers.
func imageConfig(m *slug.Manifest, d digest.Digest) (*v1.ConfigFile, error) {
	processes, err := json.Marshal(m.ProcessTypes)
	if err != nil {
		return nil, fmt.Errorf("describing slug %s: %w", d, err)
	}
	c := &v1.ConfigFile{Created: created, RootFS: v1.RootFS{Type: "layers"}, Config: v1.Config{
		WorkingDir: "/app",
		Env:        []string{"HOME=/app"},
		Labels:     map[string]string{},
		Entrypoint: []string{"bash", "-c", entrypoint},
	}}
	maps.Copy(c.Config.Labels, m.Labels)
	maps.Copy(c.Config.Labels, map[string]string{slugDigest: d.String(), processTypes: string(processes)})
	c.OS, c.Architecture, _ = strings.Cut(m.Target, "/")
	for _, name := range []string{m.DefaultProcess, "web"} {
		if command, ok := m.ProcessTypes.Command(name); ok {
			c.Config.Cmd = []string{command}
		}
	}
	return c, nil
}

// image returns the configuration and the manifest of a slug's image, as JSON. trailer is the
// slug's last 8 bytes, links the last layer or nil.
func image(
	m *slug.Manifest, d digest.Digest, archives []slug.Archive, trailer []byte, links *blob,
) (config, manifest []byte, err error) {
	c, err := imageConfig(m, d)
	if err != nil {
		return nil, nil, err
	}
	x := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Annotations: map[string]string{
		slugDigest: d.String(), slugTrailer: hex.EncodeToString(trailer)}}
	size := int64(0)
	for _, a := range archives {
		diff, err1 := v1.NewHash(a.Diff.String())
		layer, err2 := v1.NewHash(a.Digest.String())
		if err := errors.Join(err1, err2); err != nil {
			return nil, nil, err
		}
		size += a.Part.Size
		section := a.Part.Section
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, diff)
		c.History = append(c.History, v1.History{Created: created, CreatedBy: "slugc", Comment: section})
		descriptor := v1.Descriptor{
			MediaType:   types.OCILayer,
			Size:        a.Size,
			Digest:      layer,
			Annotations: map[string]string{partDigest: a.Part.Digest.String()},
		}
		if section != "" {
			descriptor.Annotations[partSection] = section
		}
		x.Layers = append(x.Layers, descriptor)
	}
	if links != nil {
		diff, err1 := links.DiffID()
		layer, err2 := links.Digest()
		if err := errors.Join(err1, err2); err != nil {
			return nil, nil, err
		}
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, diff)
		c.History = append(c.History, v1.History{Created: created, CreatedBy: "slugc", Comment: "links to the app"})
		x.Layers = append(x.Layers, v1.Descriptor{
			MediaType: types.OCILayer, Size: links.size, Digest: layer, Annotations: map[string]string{linksTo: "/app"},
		})
	}
	x.Annotations[slugSize] = strconv.FormatInt(size, 10)
	if config, err = json.Marshal(c); err != nil {
		return nil, nil, fmt.Errorf("describing slug %s: %w", d, err)
	}
	x.Config.MediaType = types.OCIConfigJSON
	if x.Config.Digest, x.Config.Size, err = v1.SHA256(bytes.NewReader(config)); err != nil {
		return nil, nil, err
	}
	if manifest, err = json.Marshal(x); err != nil {
		return nil, nil, fmt.Errorf("describing slug %s: %w", d, err)
	}
	return config, manifest, nil
}

// slugImage is a manifest's description of a slug.
type slugImage struct {
	parts   []slug.Part
	layers  []v1.Descriptor // of the parts
	trailer []byte          // the slug's last 8 bytes
	others  []v1.Descriptor // the blobs that are no parts: the configuration, and perhaps a layer of links
}

// parseImage reads the manifest of the image of the slug want. It trusts nothing that it has not
// checked.
func parseImage(manifest []byte, want digest.Digest) (*slugImage, error) {
	if len(manifest) > maxIndex {
		return nil, fmt.Errorf("it is larger than %d bytes", maxIndex)
	}
	x, err := v1.ParseManifest(bytes.NewReader(manifest))
	if err != nil {
		return nil, errors.New("it is not an image manifest")
	}
	if x.Annotations[slugDigest] != want.String() {
		return nil, errors.New("it is not this slug's")
	}
	size, err1 := strconv.ParseInt(x.Annotations[slugSize], 10, 64)
	trailer, err2 := hex.DecodeString(x.Annotations[slugTrailer])
	if err1 != nil || err2 != nil || len(trailer) != 8 {
		return nil, errors.New("it does not say how the slug ends")
	}
	image := &slugImage{layers: x.Layers, trailer: trailer, others: []v1.Descriptor{x.Config}}
	if last := len(x.Layers) - 1; last >= 0 && x.Layers[last].Annotations[linksTo] != "" {
		image.layers, image.others = x.Layers[:last:last], append(image.others, x.Layers[last])
	}
	for i, l := range image.layers {
		if l.MediaType != types.OCILayer || checkDigest(digest.Digest(l.Digest.String())) != nil || len(l.URLs) > 0 {
			return nil, fmt.Errorf("its layer %d is not one of a slug", i)
		}
		image.parts = append(image.parts, slug.Part{
			Section: l.Annotations[partSection],
			Digest:  digest.Digest(l.Annotations[partDigest]),
			Size:    slug.ArchivedSize(i, len(image.layers), l.Size),
		})
	}
	if err := setOffsets(image.parts, size); err != nil {
		return nil, err
	}
	return image, nil
}

// blob is something to upload, in the form that the client takes. sent reports whether it was read.
type blob struct {
	digest, diff digest.Digest
	size         int64
	media        types.MediaType
	open         func() io.Reader
	sent         bool
}

func (b *blob) Digest() (v1.Hash, error)             { return v1.NewHash(b.digest.String()) }
func (b *blob) DiffID() (v1.Hash, error)             { return v1.NewHash(b.diff.String()) }
func (b *blob) Size() (int64, error)                 { return b.size, nil }
func (b *blob) MediaType() (types.MediaType, error)  { return b.media, nil }
func (b *blob) Uncompressed() (io.ReadCloser, error) { return nil, errors.ErrUnsupported }
func (b *blob) Compressed() (io.ReadCloser, error) {
	b.sent = true
	return io.NopCloser(b.open()), nil
}

func bytesBlob(data []byte, m types.MediaType) *blob {
	return &blob{
		digest: digest.Of(data),
		diff:   digest.Of(data),
		size:   int64(len(data)),
		media:  m,
		open:   func() io.Reader { return bytes.NewReader(data) },
	}
}

func archiveBlob(a slug.Archive, f *os.File) *blob {
	return &blob{
		digest: a.Digest,
		diff:   a.Diff,
		size:   a.Size,
		media:  types.OCILayer,
		open:   func() io.Reader { return a.Open(f) },
	}
}

// rawManifest is a manifest in the form that the client takes.
type rawManifest []byte

func (m rawManifest) RawManifest() ([]byte, error)        { return m, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
