package blobstore

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// TestImage pulls a slug as anyone pulls an image: it is sound, says how the app is started, and
// holds what the slug holds.
func TestImage(t *testing.T) {
	before, _ := large()
	url := "oci://" + distribution(t, "") + "/hello"
	at := put(t, open(t, url, Options{}), before)
	for _, reference := range []string{strings.TrimPrefix(at, "oci://"), strings.TrimPrefix(url, "oci://") + ":slug-" + before.digest.Hex()} {
		ref, err := name.ParseReference(reference)
		check(t, err)
		image, err := remote.Image(ref)
		check(t, err)
		check(t, validate.Image(image))
		config, err := image.ConfigFile()
		check(t, err)
		if c := config.Config; config.OS != "linux" || config.Architecture != "amd64" || c.WorkingDir != "/app" || len(c.Entrypoint) != 3 ||
			!cmp.Equal(c.Cmd, []string{"cat hello.txt"}) ||
			c.Labels[processTypes] != `{"web":"cat hello.txt","worker":"sleep 60"}` {
			t.Errorf("its configuration is %+v", c)
		}
		exported, unpacked := t.TempDir(), t.TempDir()
		untar(t, mutate.Extract(image), exported)
		f, err := os.Open(before.file)
		check(t, err)
		defer f.Close()
		untar(t, f, unpacked, "-z")
		if diff, err := exec.Command("diff", "-r", exported, unpacked).CombinedOutput(); err != nil {
			t.Errorf("the image holds another tree than the slug: %v\n%.2000s", err, diff)
		}
	}
}

// TestStart runs an image's entry point as an engine would, where the app lies elsewhere than in
// /app.
func TestStart(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(dir+"/.profile.d", 0o755))
	check(t, os.WriteFile(dir+"/.profile.d/000_slugc.sh", []byte("greeting='hello world'\n"), 0o644))
	cmd := exec.Command("bash", "-c", strings.Replace(start, "/app", dir, 1), `echo "$greeting" in "$(pwd)"`)
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "hello world in "+dir+"\n" {
		t.Errorf("it prints %q, %v", out, err)
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
