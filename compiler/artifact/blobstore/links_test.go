package blobstore

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"slugc/cache/testkit"
	"slugc/compiler/artifact/blobstore/blobstoretest"
)

// TestMounts stores a slug that is to be seen at several paths, and unpacks its image as an engine does: the app is
// at each of them, and the slug comes back as it was.
func TestMounts(t *testing.T) {
	t.Parallel()
	f := fakes["oci"](t)
	s, p := open(t, f.url, quick), blobstoretest.Mounted(t, "/app", "/workspace", "/layers")
	url := put(t, s, p)
	check(t, s.Stat(t.Context(), url, p.Digest))
	to := target(t)
	_, err := s.Get(t.Context(), url, p.Digest, to, nil)
	check(t, err)
	blobstoretest.Same(t, to, p)

	ref, err := name.ParseReference(strings.TrimPrefix(url, "oci://"), name.Insecure)
	check(t, err)
	image, err := remote.Image(ref)
	check(t, err)
	check(t, validate.Image(image))
	layers, err := image.Layers()
	check(t, err)
	root := t.TempDir()
	for _, layer := range layers {
		r, err := layer.Uncompressed()
		check(t, err)
		cmd := exec.Command("tar", "-x", "-C", root)
		cmd.Stdin = r
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("tar: %v\n%s", err, out)
		}
	}
	for _, path := range []string{"app/hello.txt", "workspace/hello.txt"} {
		if got := testkit.Read(t, filepath.Join(root, path)); got != "mounted" {
			t.Errorf("%s is %q", path, got)
		}
	}
	if !testkit.Exists(root, "layers/slugc_node/node/bin/node") {
		t.Error("the layers are not at /layers")
	}
	if target, err := os.Readlink(filepath.Join(root, "layers")); err != nil || target != "app/.layers" {
		t.Errorf("/layers leads to %q, %v", target, err)
	}
	if _, _, err := s.Put(t.Context(), blobstoretest.Mounted(t, "/etc").File, ""); err == nil {
		t.Error("an image with a link at /etc is stored")
	}
}
