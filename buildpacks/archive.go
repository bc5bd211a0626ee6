package buildpacks

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/klauspost/compress/gzip"

	"slugc/buildpacks/language"
	"slugc/cache/digest"
	"slugc/cache/disk"
)

// CompositeID is the id of the buildpack that puts the built-in ones in order.
const CompositeID = "slugc/all"

// Archive is a buildpack in a file: a .tgz of what stands in its directory.
type Archive struct {
	ID      string        `json:"id"`
	Version string        `json:"version"`
	File    string        `json:"file"`
	Digest  digest.Digest `json:"digest"`
	Size    int64         `json:"size"` // bytes
}

// WriteArchives writes the built-in buildpacks as archives into dir, which is made where it is missing, for
// platforms other than slugc: one for each language, and last one without programs of its own whose order makes of
// the others what slugc's detection chooses ([CompositeID], of the given version). self is the slugc binary, which is
// the program of each. The same binary makes the same bytes.
func WriteArchives(dir, self, version string) ([]Archive, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("writing buildpacks: %w", err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return nil, fmt.Errorf("reading slugc itself: %w", err)
	}
	var list []Archive
	for _, l := range Languages {
		about, err := l.toml()
		if err != nil {
			return nil, fmt.Errorf("describing %s: %w", l.ID, err)
		}
		a, err := writeArchive(dir, l.ID, l.Version, about, program)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	about, err := composite(version)
	if err != nil {
		return nil, fmt.Errorf("describing %s: %w", CompositeID, err)
	}
	a, err := writeArchive(dir, CompositeID, version, about, nil)
	return append(list, a), err
}

// composite is the buildpack.toml that orders the built-in buildpacks. Each passes exactly where slugc's detection
// chooses it ([Language.detectAlone]), so that all can be optional. Node comes first: what it installs, the others may
// use.
func composite(version string) ([]byte, error) {
	type member struct {
		ID       string `toml:"id"`
		Version  string `toml:"version"`
		Optional bool   `toml:"optional"`
	}
	type order struct {
		Group []member `toml:"group"`
	}
	var group []member
	for _, l := range Languages {
		m := member{l.ID, l.Version, true}
		if l.Metadata != nil { // it may assist the others
			group = append([]member{m}, group...)
		} else {
			group = append(group, m)
		}
	}
	doc := struct {
		API       string  `toml:"api"`
		Buildpack any     `toml:"buildpack"`
		Order     []order `toml:"order"`
	}{
		API: language.API, Order: []order{{group}},
		Buildpack: struct {
			ID      string `toml:"id"`
			Version string `toml:"version"`
			Name    string `toml:"name"`
		}{CompositeID, version, "slugc's buildpacks"},
	}
	var content bytes.Buffer
	err := toml.NewEncoder(&content).Encode(doc)
	return content.Bytes(), err
}

// writeArchive writes one archive. program is nil for a buildpack without programs.
func writeArchive(dir, id, version string, about, program []byte) (Archive, error) {
	file := filepath.Join(dir, strings.ReplaceAll(id, "/", "_")+"_"+version+".tgz")
	data, err := archive(about, program)
	if err == nil {
		err = disk.WriteFile(file, data, 0o644)
	}
	if err != nil {
		return Archive{}, fmt.Errorf("writing buildpack %s: %w", id, err)
	}
	return Archive{id, version, file, digest.Of(data), int64(len(data))}, nil
}

// archive packs a buildpack. bin/detect is a link to bin/build: the program looks by which name it is called.
func archive(about, program []byte) ([]byte, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.DefaultCompression)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	fixed := time.Date(1980, 1, 1, 0, 0, 1, 0, time.UTC)
	add := func(h tar.Header, data []byte) {
		h.ModTime, h.Size, h.Format = fixed, int64(len(data)), tar.FormatPAX
		if err == nil {
			err = t.WriteHeader(&h)
		}
		if err == nil {
			_, err = t.Write(data)
		}
	}
	if program != nil {
		add(tar.Header{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755}, nil)
		add(tar.Header{Typeflag: tar.TypeReg, Name: "bin/build", Mode: 0o755}, program)
		add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/detect", Linkname: "build", Mode: 0o777}, nil)
	}
	add(tar.Header{Typeflag: tar.TypeReg, Name: "buildpack.toml", Mode: 0o644}, about)
	if err == nil {
		err = t.Close()
	}
	if err == nil {
		err = z.Close()
	}
	return packed.Bytes(), err
}
