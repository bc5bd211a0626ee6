package golang

import (
	"context"
	"io"
	"path/filepath"
	"strings"

	"slugc/buildpacks/toolchain/archive"
	"slugc/buildpacks/toolchain/source"
)

const officialDist = "https://go.dev/dl"

// newDist returns a go.dev/dl-layout distribution: a JSON listing of all releases, and archives
// with a sha256 each.
func newDist(env *source.Env, setting string) source.Source {
	base := source.BaseAddress(setting, officialDist)
	addr := base + "/?mode=json&include=all"
	if strings.HasPrefix(base, "file:") { // a directory on disk has no query
		addr = base + "/index.json"
	}
	parse := func(r io.Reader) (map[string]archive.Entry, error) { return parseIndex(r, env.OS, env.Arch) }
	index := archive.Index{Env: env, Base: base, Addr: addr, Parse: parse}
	return &archive.Source{
		Env: env, Label: "go.dev", Base: base, Asks: addr,
		Versions: index.Versions, Compare: compare, File: index.File,
		Place: func(ctx context.Context, path, version string, j *source.Job) error {
			if err := archive.Unpack(ctx, path, j.Tree, 1); err != nil {
				return err
			}
			return finish(j.Tree, version)
		},
	}
}

// parseIndex reads which archive each release has for a platform.
func parseIndex(r io.Reader, system, arch string) (map[string]archive.Entry, error) {
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
	found := map[string]archive.Entry{}
	for _, e := range all {
		v := strings.TrimPrefix(e.Version, "go")
		for _, f := range e.Files {
			if f.OS == system && f.Arch == arch && f.Kind == "archive" && goVersion.MatchString(v) &&
				strings.HasSuffix(f.Filename, ".tar.gz") && filepath.Base(f.Filename) == f.Filename {
				found[v] = archive.Entry{File: f.Filename, SHA256: strings.ToLower(f.SHA256)}
			}
		}
	}
	return found, nil
}
