package reference

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-containerregistry/pkg/name"
)

// registryIndex is where the index of the CNB registry is read.
const registryIndex = "https://raw.githubusercontent.com/buildpacks/registry-index/main"

// registered is a line of a file of the index (Cloud Native Buildpacks, distribution specification, "Buildpack
// registry").
type registered struct {
	Version string `json:"version"`
	Yanked  bool   `json:"yanked"`
	Addr    string `json:"addr"` // an image by digest
}

// fetchRegistry fetches the image that the CNB registry has for a buildpack.
func (s *Store) fetchRegistry(ctx context.Context, r Ref, staging string) (*fetched, error) {
	addr, err := s.lookUp(ctx, r)
	if err != nil {
		return nil, err
	}
	r.Kind, r.Addr, r.Rev = Image, addr, ""
	return s.fetch(ctx, r, staging)
}

// lookUp returns the image of a buildpack in the CNB registry: of the version that the reference names, or the newest.
func (s *Store) lookUp(ctx context.Context, r Ref) (string, error) {
	at := cmp.Or(s.o.Index, registryIndex) + "/" + indexPath(r.ID)
	text, err := s.web.Read(ctx, at, nil, 16<<20)
	if err != nil {
		return "", errFetching(ctx, err)
	}
	var best registered
	var newest *semver.Version
	for line := range bytes.Lines(text) {
		var e registered
		if err := json.Unmarshal(line, &e); err != nil || e.Yanked || !strings.Contains(e.Addr, "@sha256:") {
			continue
		}
		if r.Rev != "" {
			if e.Version == r.Rev {
				return imageName(e.Addr)
			}
			continue
		}
		v, err := semver.NewVersion(e.Version)
		if err == nil && (newest == nil || v.GreaterThan(newest)) {
			best, newest = e, v
		}
	}
	if best.Addr != "" {
		return imageName(best.Addr)
	}
	if r.Rev != "" {
		return "", errNotFound(fmt.Errorf("the registry has no version %q of it", r.Rev), "name a version that it has")
	}
	return "", errNotFound(errors.New("the registry has no version of it"), "see that the name is right")
}

// imageName is the name of an image with all that is left out of it.
func imageName(addr string) (string, error) {
	ref, err := name.ParseReference(addr)
	if err != nil {
		return "", failed(Author, "buildpack/package-damaged", fmt.Errorf("the registry has %.200q for an image", addr),
			"name the buildpack's image by docker://")
	}
	return ref.Name(), nil
}

// indexPath is the file of a buildpack in the index.
func indexPath(id string) string {
	_, base, _ := strings.Cut(id, "/")
	file := strings.Replace(id, "/", "_", 1)
	switch n := len(base); {
	case n < 3:
		return fmt.Sprintf("%d/%s", n, file)
	case n == 3:
		return "3/" + base[:2] + "/" + file
	}
	return base[:2] + "/" + base[2:4] + "/" + file
}
