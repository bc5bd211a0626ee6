package servertest

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"slugc/compiler/artifact/blobstore/blobstoretest"
)

// image pulls a slug as an engine pulls an image, by digest and by tag: it is valid, says how the app is
// started, and holds what the slug holds.
func image(t *testing.T, u use, p blobstoretest.Slug) {
	byDigest := pull(t, strings.TrimPrefix(put(t, u, p), "oci://"))
	byTag := pull(t, strings.TrimPrefix(u.url, "oci://")+":slug-"+p.Digest.Hex())
	one, err := byDigest.Digest()
	check(t, err)
	two, err := byTag.Digest()
	check(t, err)
	if one != two {
		t.Errorf("the tag names %s, the release %s", two, one)
	}
	check(t, validate.Image(byDigest))
	checkConfig(t, byDigest)
	exported, unpacked := t.TempDir(), t.TempDir()
	untar(t, mutate.Extract(byDigest), exported)
	f, err := os.Open(p.File)
	check(t, err)
	defer f.Close()
	untar(t, f, unpacked, "-z")
	if diff, err := exec.Command("diff", "-r", exported, unpacked).CombinedOutput(); err != nil {
		t.Errorf("the image holds another tree than the slug: %v\n%.2000s", err, diff)
	}
}

func pull(t *testing.T, reference string) v1.Image {
	t.Helper()
	ref, err := name.ParseReference(reference)
	check(t, err)
	image, err := remote.Image(ref)
	check(t, err)
	return image
}

func checkConfig(t *testing.T, image v1.Image) {
	t.Helper()
	config, err := image.ConfigFile()
	check(t, err)
	if config.OS != "linux" || config.Architecture != "amd64" {
		t.Errorf("it is for %s on %s", config.OS, config.Architecture)
	}
	c := config.Config
	if c.WorkingDir != "/app" || len(c.Entrypoint) != 3 || !cmp.Equal(c.Cmd, []string{"cat hello.txt"}) ||
		c.Labels["io.slugc.process-types"] != `{"web":"cat hello.txt","worker":"sleep 60"}` {
		t.Errorf("its configuration is %+v", c)
	}
}

func untar(t *testing.T, from io.Reader, to string, more ...string) {
	t.Helper()
	cmd := exec.Command("tar", append([]string{"-xf", "-", "-C", to}, more...)...)
	cmd.Stdin = from
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
}
