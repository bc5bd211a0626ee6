package golang

import (
	"context"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/toolchain/archive"
	"slugc/buildpacks/toolchain/source"
)

const officialDist = "https://go.dev/dl"

// dist is a go.dev/dl-layout distribution: a JSON listing of all releases, and archives with a
// sha256 each.
type dist struct {
	env  *source.Env
	base string
}

func newDist(env *source.Env, setting string) source.Source {
	d := &dist{env, source.BaseAddress(setting, officialDist)}
	return &archive.Source{
		Env: env, Label: "go.dev", Base: d.base, Asks: d.index(), Versions: d.versions, Compare: compare, File: d.file,
		Place: func(ctx context.Context, path, version string, j *source.Job) error {
			if err := archive.Unpack(ctx, path, j.Tree, 1); err != nil {
				return err
			}
			return finish(j.Tree, version)
		},
	}
}

// release is one release's archive for the platform.
type release struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// index is where the JSON listing lies. A directory on disk has no query: there it is index.json.
func (d *dist) index() string {
	if strings.HasPrefix(d.base, "file:") {
		return d.base + "/index.json"
	}
	return d.base + "/?mode=json&include=all"
}

func (d *dist) releases(ctx context.Context, again bool) (map[string]release, bool, error) {
	return source.Document[map[string]release]{Addr: d.index(), Parse: d.parse}.List(ctx, d.env, again)
}

func (d *dist) versions(ctx context.Context, _ *source.Constraint, again bool) (source.Listing, bool, error) {
	all, asked, err := d.releases(ctx, again)
	return source.Listing{Versions: slices.Collect(maps.Keys(all))}, asked, err
}

func (d *dist) parse(r io.Reader) (map[string]release, error) {
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
	if err := source.DecodeJSON(r, "the list of releases", &all); err != nil {
		return nil, err
	}
	found := map[string]release{}
	for _, e := range all {
		v := strings.TrimPrefix(e.Version, "go")
		for _, f := range e.Files {
			if f.OS == d.env.OS && f.Arch == d.env.Arch && f.Kind == "archive" && goVersion.MatchString(v) &&
				strings.HasSuffix(f.Filename, ".tar.gz") && filepath.Base(f.Filename) == f.Filename {
				found[v] = release{f.Filename, strings.ToLower(f.SHA256)}
			}
		}
	}
	return found, nil
}

func (d *dist) file(ctx context.Context, version string) (archive.File, error) {
	all, _, err := d.releases(ctx, false)
	if err != nil {
		return archive.File{}, err
	}
	one, ok := all[version]
	if !ok {
		return archive.File{}, source.ErrNoVersion
	}
	return archive.File{Name: one.File, Addr: d.base + "/" + one.File, SHA256: one.SHA256}, nil
}
