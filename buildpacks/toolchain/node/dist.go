package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"slugc/buildpacks/toolchain/archive"
	"slugc/buildpacks/toolchain/source"
)

const officialDist = "https://nodejs.org/dist"

// dist is a nodejs.org-layout distribution: index.json, v‹V›/SHASUMS256.txt and
// v‹V›/node-v‹V›-‹os›-‹arch›.tar.gz.
type dist struct {
	env      *source.Env
	base     string
	platform string // "linux-x64"
}

func newDist(env *source.Env, setting string) source.Source {
	d := &dist{env, source.BaseAddress(setting, officialDist), env.OS + "-" + processor(env.Arch)}
	return &archive.Source{
		Env: env, Label: "nodejs.org", Base: d.base, Asks: d.index(), Versions: d.versions, File: d.file,
		Compare: source.CompareSemver,
		Place: func(ctx context.Context, path, _ string, j *source.Job) error {
			if err := archive.Unpack(ctx, path, j.Tree, 1); err != nil {
				return err
			}
			return finish(j.Tree)
		},
	}
}

func (d *dist) index() string { return d.base + "/index.json" }

// index is index.json reduced to one platform.
type index struct {
	LTS map[string]string `json:"lts"` // codename by version, "" for those that are not LTS
}

func (d *dist) versions(ctx context.Context, _ *source.Constraint, again bool) (source.Listing, bool, error) {
	ix, asked, err := source.Document[index]{Addr: d.index(), Parse: d.parse}.List(ctx, d.env, again)
	return source.Listing{Versions: slices.Collect(maps.Keys(ix.LTS)), Codenames: ix.LTS}, asked, err
}

func (d *dist) parse(r io.Reader) (index, error) {
	var all []struct {
		Version string          `json:"version"`
		Files   []string        `json:"files"`
		LTS     json.RawMessage `json:"lts"`
	}
	if err := source.DecodeJSON(r, "index.json", &all); err != nil {
		return index{}, err
	}
	ix := index{LTS: map[string]string{}}
	for _, e := range all {
		v := source.ExactSemver(e.Version)
		if v == "" || !slices.Contains(e.Files, d.platform) {
			continue
		}
		var codename string
		_ = json.Unmarshal(e.LTS, &codename) // it is false where the release is not LTS
		ix.LTS[v] = codename
	}
	return ix, nil
}

func (d *dist) file(ctx context.Context, version string) (archive.File, error) {
	const list = "SHASUMS256.txt"
	dir := d.base + "/v" + version + "/"
	name := fmt.Sprintf("node-v%s-%s.tar.gz", version, d.platform)
	text, err := d.env.Web.Read(ctx, dir+list, nil, 1<<20)
	if err != nil {
		return archive.File{}, err
	}
	sums, err := archive.Sums(bytes.NewReader(text), list)
	if err != nil {
		return archive.File{}, err
	}
	i := slices.IndexFunc(sums, func(s archive.Sum) bool { return s.File == name })
	if i < 0 {
		return archive.File{}, fmt.Errorf("verifying %s: %s does not name it", name, list)
	}
	return archive.File{Name: name, Addr: dir + name, SHA256: sums[i].SHA256}, nil
}
