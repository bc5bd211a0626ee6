package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// goDist is a go.dev/dl-layout distribution: a JSON listing of all releases, and archives with a
// sha256 each.
type goDist struct{ st *Store }

func (*goDist) name() string { return "go.dev" }

func (d *goDist) base() string { return strings.TrimRight(d.st.set.GoDist, "/") }

// goArchive is one release's archive for the platform.
type goArchive struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// listing is where the JSON listing lies. A directory on disk has no query: there it is index.json.
func (d *goDist) listing() string {
	if strings.HasPrefix(d.base(), "file:") {
		return d.base() + "/index.json"
	}
	return d.base() + "/?mode=json&include=all"
}

func (d *goDist) archives(ctx context.Context, again bool) (map[string]goArchive, bool, error) {
	return list(ctx, d.st, d.listing(), nil, d.parse, again)
}

func (d *goDist) find(ctx context.Context, w *want) (string, string, error) {
	if d.st.set.GoDist == off {
		return "", "", errDisabled
	}
	for _, again := range []bool{false, true} {
		all, asked, err := d.archives(ctx, again)
		if err != nil {
			return "", "", err
		}
		l := &listing{}
		for v := range all {
			l.versions = append(l.versions, v)
		}
		if v, note := w.pick(l); v != "" {
			return v, note, nil
		}
		if asked {
			return "", "", &noVersion{nearest(l.versions, w.text, compareGo)}
		}
	}
	return "", "", errNoVersion
}

func (d *goDist) parse(r io.Reader) (map[string]goArchive, error) {
	var all []struct {
		Version string `json:"version"`
		Files   []struct {
			Filename string `json:"filename"`
			OS       string `json:"os"`
			Arch     string `json:"arch"`
			Kind     string `json:"kind"`
			SHA256   string `json:"sha256"`
		} `json:"files"`
	}
	if err := json.NewDecoder(r).Decode(&all); err != nil {
		return nil, fmt.Errorf("reading the list of releases: %w", plain(err))
	}
	out := map[string]goArchive{}
	for _, e := range all {
		v := strings.TrimPrefix(e.Version, "go")
		for _, f := range e.Files {
			if f.OS == d.st.set.OS && f.Arch == d.st.set.Arch && f.Kind == "archive" && goVersion.MatchString(v) &&
				strings.HasSuffix(f.Filename, ".tar.gz") && filepath.Base(f.Filename) == f.Filename {
				out[v] = goArchive{f.Filename, strings.ToLower(f.SHA256)}
			}
		}
	}
	return out, nil
}

func (d *goDist) fetch(ctx context.Context, v string, j *job) (string, error) {
	all, _, err := d.archives(ctx, false)
	if err != nil {
		return "", err
	}
	a := all[v]
	if b, err := hex.DecodeString(a.SHA256); err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("verifying %s: the list states no sha256 for it", a.File)
	}
	packed := filepath.Join(j.temp, "go.tar.gz")
	h := sha256.New()
	if err := d.st.web.download(ctx, d.base()+"/"+a.File, nil, packed, j.part(), h); err != nil {
		return "", err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != a.SHA256 {
		return "", &digestError{a.File, "sha256:" + a.SHA256, "sha256:" + got}
	}
	if err := unpackFile(ctx, packed, j.tree, 1); err != nil {
		return "", fmt.Errorf("unpacking %s: %w", a.File, err)
	}
	return "sha256:" + a.SHA256, finishGo(j.tree, v)
}
