package node

import (
	"context"
	_ "embed" // the pins
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"slugc/buildpacks/toolchain/source"
)

// StaticServer is the tool that serves static files: sirv-cli, which listens on PORT. It and the few packages
// that it needs are all under the MIT licence.
const StaticServer = "sirv-cli"

// staticPins are the packages of the static server, it itself first, with their versions and digests.
//
//go:embed sirv-cli.json
var staticPins []byte

// pin is a package at one version.
type pin struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Integrity string `json:"integrity"` // W3C's Subresource Integrity, as npm writes it
}

// staticServer is the static server from the npm registry. What is fetched is fixed by digest, so no list of
// versions is asked for.
type staticServer struct {
	*registry
	pins []pin
}

func newStaticServer(r *registry) *staticServer {
	s := &staticServer{registry: r}
	if err := json.Unmarshal(staticPins, &s.pins); err != nil {
		panic(fmt.Sprintf("the pins of %s: %v", StaticServer, err)) // a test reads them
	}
	return s
}

// parse reads a constraint on the static server: there is one version.
func (s *staticServer) parse(constraint string) (*source.Constraint, error) {
	if constraint != "" && constraint != s.pins[0].Version {
		return nil, fmt.Errorf("%s is pinned to %s", StaticServer, s.pins[0].Version)
	}
	only := func(version string) bool { return version == s.pins[0].Version }
	return source.NewestOf(s.pins[0].Version, only, source.CompareSemver), nil
}

// Name returns the registry's name.
func (*staticServer) Name() string { return registryName }

// Endpoints returns the registry.
func (s *staticServer) Endpoints(ctx context.Context) []source.Endpoint { return s.endpoints(ctx) }

// Resolve returns the pinned version.
func (s *staticServer) Resolve(ctx context.Context, _ *source.Constraint) (string, string, error) {
	_, err := s.address(ctx)
	return s.pins[0].Version, "", err
}

// Fetch lays out the packages beside each other, where Node finds them, and the program in bin.
func (s *staticServer) Fetch(ctx context.Context, _ string, j *source.Job) (string, error) {
	base, err := s.address(ctx)
	if err != nil {
		return "", err
	}
	packed := make([]tarball, len(s.pins))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, p := range s.pins {
		g.Go(func() (err error) {
			at := fmt.Sprintf("%s/%s/-/%s-%s.tgz", base, p.Name, path.Base(p.Name), p.Version)
			packed[i], err = s.download(gctx, p.Name, manifest{Tarball: at, Integrity: p.Integrity}, j)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	for i, p := range slices.Backward(s.pins) {
		if i == 0 {
			err = installPackage(ctx, packed[i].file, j.Tree, p.Name, map[string]string{"sirv": "bin.js"})
		} else {
			err = source.Unpack(ctx, packed[i].file, filepath.Join(j.Tree, packageDir(p.Name)), 1)
		}
		if err != nil {
			return "", fmt.Errorf("unpacking %s %s: %w", p.Name, p.Version, err)
		}
	}
	return packed[0].integrity, nil
}
