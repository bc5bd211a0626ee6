package reference

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// isLayoutName reports whether an absolute name in an archive is one of an image layout: pack writes them so.
func isLayoutName(name string) bool {
	name = strings.Trim(name, "/")
	return name == "" || name == "oci-layout" || name == "index.json" || name == "blobs" ||
		strings.HasPrefix(name, "blobs/")
}

// isLayout reports whether a tree is the layout of an image, as .cnb files are (OCI image layout specification).
func isLayout(tree string) bool {
	return exists(filepath.Join(tree, "oci-layout")) && exists(filepath.Join(tree, "index.json"))
}

// unpackLayout unpacks the buildpackage of an image layout.
func (s *Store) unpackLayout(ctx context.Context, f *fetched, tree string) error {
	index, err := layout.ImageIndexFromPath(tree)
	var image v1.Image
	if err == nil {
		image, err = s.choose(index, 0)
	}
	if err == nil {
		err = s.unpackImage(ctx, f, image)
	}
	if _, known := errors.AsType[*Error](err); err != nil && !known && ctx.Err() == nil {
		err = errPackage(inLayout(err, tree))
	}
	return err
}

// inLayout is an error without the path of the directory in staging.
func inLayout(err error, tree string) error {
	return errors.New(strings.ReplaceAll(firstLine(err).Error(), tree+"/", ""))
}

// choose returns the image of an index that is for the store's platform. An index of one image has no choice.
func (s *Store) choose(index v1.ImageIndex, depth int) (v1.Image, error) {
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	want := v1.Platform{OS: s.o.OS, Architecture: s.o.Arch}
	var platforms []string
	for _, d := range list.Manifests {
		if d.Platform != nil && d.Platform.OS != "" && !d.Platform.Satisfies(want) && len(list.Manifests) > 1 {
			platforms = append(platforms, d.Platform.String())
			continue
		}
		if d.MediaType.IsIndex() && depth < 2 {
			inner, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			return s.choose(inner, depth+1)
		}
		if d.MediaType.IsImage() || d.MediaType == types.MediaType("") {
			return index.Image(d.Digest)
		}
	}
	return nil, failed(Author, "buildpack/no-platform",
		fmt.Errorf("it has no image for %s, only for %s", want.String(), strings.Join(platforms, ", ")),
		"take a release of the buildpack for this platform")
}
