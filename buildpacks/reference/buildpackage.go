package reference

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"slugc/cache/beneath"
	"slugc/cache/digest"
	"slugc/cache/unpack"
)

// The labels of a buildpackage, and where its layers have buildpacks (Cloud Native Buildpacks, distribution
// specification, "Buildpackage").
const (
	packageLabel = "io.buildpacks.buildpackage.metadata"
	layersLabel  = "io.buildpacks.buildpack.layers"
	inLayers     = "cnb/buildpacks"
)

// imageLabels are what the labels of a buildpackage say.
type imageLabels struct {
	main   part                          // the buildpack that the package is of
	layers map[string]map[string]inImage // by id and version
}

// inImage is where a buildpack of a package is.
type inImage struct {
	Diff string `json:"layerDiffID"` // the digest of its layer, not compressed
}

// readLabels reads the labels of an image's configuration.
func readLabels(config *v1.ConfigFile) (*imageLabels, error) {
	l := &imageLabels{}
	for label, to := range map[string]any{packageLabel: &l.main, layersLabel: &l.layers} {
		text := config.Config.Labels[label]
		if text == "" {
			return nil, failed(Author, "buildpack/not-a-buildpackage", fmt.Errorf("the image has no label %s", label),
				"name an image that `pack buildpack package` has made, not a builder's or an app's")
		}
		if err := json.Unmarshal([]byte(text), to); err != nil {
			return nil, errPackage(fmt.Errorf("reading its label %s: %w", label, err))
		}
	}
	return l, nil
}

// errPackage is the error for a buildpackage that is not whole.
func errPackage(err error) error {
	return failed(Author, "buildpack/package-damaged", err, "get it again, or take another release of the buildpack")
}

// unpackImage unpacks the buildpacks of a buildpackage.
func (s *Store) unpackImage(ctx context.Context, f *fetched, image v1.Image) error {
	config, err := image.ConfigFile()
	if err != nil {
		return fmt.Errorf("reading its configuration: %w", err)
	}
	labels, err := readLabels(config)
	if err != nil {
		return err
	}
	to := filepath.Join(f.staging, "image")
	if err := makeDir(to); err != nil {
		return err
	}
	left, done := s.o.Limits, map[string]bool{}
	for id, versions := range labels.layers {
		for version, info := range versions {
			if done[info.Diff] { // several buildpacks can share a layer
				continue
			}
			done[info.Diff] = true
			stats, err := s.unpackLayer(ctx, image, info.Diff, to, left)
			if err != nil {
				return within(fmt.Sprintf("unpacking %s %s", id, version), err)
			}
			left.Bytes, left.Files = max(left.Bytes-stats.Bytes, 1), max(left.Files-stats.Files, 1)
		}
	}
	f.tree = filepath.Join(to, inLayers)
	f.members, err = members(to, labels)
	return err
}

// unpackLayer unpacks the buildpacks of one layer, and compares it with its digest.
func (s *Store) unpackLayer(
	ctx context.Context, image v1.Image, diff, to string, left unpack.Limits,
) (stats unpack.Stats, err error) {
	id, err := v1.NewHash(diff)
	if err != nil {
		return stats, errPackage(fmt.Errorf("its label names the layer %.80q", diff))
	}
	layer, err := image.LayerByDiffID(id)
	if err != nil {
		return stats, errPackage(fmt.Errorf("it does not have the layer %s", diff))
	}
	if size, err := layer.Size(); err == nil && size > left.Bytes {
		return stats, failed(Author, "buildpack/too-large", fmt.Errorf("a layer has %s, and %s are allowed",
			unpack.Size(size), unpack.Size(left.Bytes)), "take a smaller release of the buildpack")
	}
	body, err := layer.Uncompressed()
	if err != nil {
		return stats, err
	}
	defer body.Close()
	sum := sha256.New()
	stats, err = unpack.Archive(ctx, io.TeeReader(body, sum), to, unpack.Options{
		Limits: left,
		Rooted: func(string) bool { return true },
		Only: func(name string) bool {
			return name == "cnb" || name == inLayers || strings.HasPrefix(name, inLayers+"/")
		},
	})
	switch {
	case ctx.Err() != nil:
		return stats, context.Cause(ctx)
	case errors.Is(err, unpack.ErrDamaged), errors.Is(err, unpack.ErrFormat):
		return stats, errPackage(err)
	case err != nil:
		return stats, errUnpacking(err)
	case digest.Sum(sum).String() != diff:
		return stats, errPackage(fmt.Errorf("the layer %s is another, %s", diff, digest.Sum(sum)))
	}
	return stats, nil
}

// members lists the buildpacks of a package, the one that it is of first.
func members(to string, labels *imageLabels) (list []member, err error) {
	root, err := beneath.Open(to)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for id, versions := range labels.layers {
		for version := range versions {
			at := path.Join(strings.ReplaceAll(id, "/", "_"), version)
			if strings.Count(at, "/") != 1 || !filepath.IsLocal(at) {
				return nil, errPackage(fmt.Errorf("it names the buildpack %.80q %.80q", id, version))
			}
			d, err := root.Dir(path.Join(inLayers, at))
			if err != nil {
				return nil, errPackage(fmt.Errorf("its layers do not have the buildpack %s %s", id, version))
			}
			m, err := identify(d)
			_ = d.Close()
			if err == nil && (m.Kind != CNB || m.ID != id || m.Version != version) {
				err = errPackage(fmt.Errorf("its buildpack %s %s says that it is %s %s", id, version, m.ID, m.Version))
			}
			if err != nil {
				return nil, err
			}
			m.Dir = at
			list = append(list, m)
		}
	}
	main := func(m member) int {
		if m.ID == labels.main.ID && m.Version == labels.main.Version {
			return 0
		}
		return 1
	}
	slices.SortFunc(list, func(a, b member) int {
		return cmp.Or(main(a)-main(b), strings.Compare(a.ID, b.ID), strings.Compare(a.Version, b.Version))
	})
	if len(list) == 0 || main(list[0]) != 0 {
		own := labels.main
		return nil, errPackage(fmt.Errorf("it does not have its own buildpack %s %s", own.ID, own.Version))
	}
	return list, complete(list)
}

// complete returns an error for a buildpack that a composite one needs and the package does not have.
func complete(list []member) error {
	for _, m := range list {
		for _, p := range m.parts {
			has := slices.ContainsFunc(list, func(o member) bool {
				return o.ID == p.ID && (p.Version == "" || o.Version == p.Version)
			})
			if !has {
				return failed(Author, "buildpack/member-missing",
					fmt.Errorf("its buildpack %s needs %s %s, which the package does not have", m.ID, p.ID, p.Version),
					"take a release of the buildpack that has all that it consists of")
			}
		}
	}
	return nil
}
