package lifecycle_test

import (
	"archive/tar"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slugc/cache/testkit"
	"slugc/compiler/lifecycle"
)

// rebuilt is the outcome of the last of several builds of one app, and the launch layers of its slug or image.
type rebuilt struct {
	outcome
	Image map[string]string // content by path below the layers directory
}

// rebuildPhases is the script that builds an image with all phases, with what the last build has left.
const rebuildPhases = `
for p in analyzer detector restorer builder exporter; do ln -s /cnb/lifecycle/cnb-lifecycle /tmp/$p; done
dirs="-layers /layers -log-level error"
bps="-buildpacks /cnb/buildpacks -platform /platform -app /app"
/tmp/analyzer $dirs -analyzed /out/analyzed.toml -run-image $REGISTRY/run $REGISTRY/app || exit
/tmp/detector $dirs $bps -order /out/order.toml -group /out/group.toml -plan /out/plan.toml \
	-analyzed /out/analyzed.toml || exit
/tmp/restorer $dirs -cache-dir /out/cache -group /out/group.toml -analyzed /out/analyzed.toml || exit
/tmp/builder $dirs $bps -group /out/group.toml -plan /out/plan.toml -analyzed /out/analyzed.toml || exit
/tmp/exporter $dirs -app /app -cache-dir /out/cache -group /out/group.toml -analyzed /out/analyzed.toml \
	-launcher /cnb/lifecycle/cnb-launcher -report /out/report.toml $REGISTRY/app
`

// rebuild builds an image twice with the real lifecycle, with a registry on this machine. Each build has the
// variable BUILD, its number.
func (r real) rebuild(t *testing.T, c corpusCase) (last rebuilt) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	if err := remote.Write(reference(t, address+"/run"), runImage(t)); err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	testkit.Tree(t, filepath.Join(base, "out"), map[string]string{
		"order.toml": c.orderTOML(), "cache/.keep": "",
	})
	for _, number := range []string{"1", "2"} {
		app := filepath.Join(base, "app")
		if err := errors.Join(os.RemoveAll(app), os.RemoveAll(filepath.Join(base, "platform"))); err != nil {
			t.Fatal(err)
		}
		c.env["BUILD"] = number
		c.layOutFor(t, base)
		layers := filepath.Join(base, "layers")
		if err := os.MkdirAll(layers, 0o755); err != nil {
			t.Fatal(err)
		}
		log, exit := r.run(t, base, []string{"sh", "-c", rebuildPhases}, map[string]string{
			"REGISTRY": address, "CNB_USER_ID": "1000", "CNB_GROUP_ID": "1000",
		})
		// The image's layer of the app is to be without the layers; read looks for them there.
		inApp := filepath.Join(app, ".layers")
		if err := errors.Join(os.RemoveAll(inApp), os.Rename(layers, inApp)); err != nil {
			t.Fatal(err)
		}
		last.outcome = r.read(t, base, log, exit)
		if exit != 0 {
			return last
		}
	}
	image, err := remote.Image(reference(t, address+"/app"))
	if err != nil {
		t.Fatal(err)
	}
	last.Image = layerFiles(t, image)
	return last
}

// runImage is an image to run apps on, for the target of all tests.
func runImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := random.Image(8, 1)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = target.OS, target.Arch
	config.Config.Labels = map[string]string{
		"io.buildpacks.base.distro.name":    target.DistroName,
		"io.buildpacks.base.distro.version": target.DistroVersion,
	}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func reference(t *testing.T, text string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(text, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// layerFiles returns the files that an image has in its layers directory, apart from the lifecycle's own.
func layerFiles(t *testing.T, image v1.Image) map[string]string {
	t.Helper()
	files := map[string]string{}
	content := mutate.Extract(image)
	defer content.Close()
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		name, inside := strings.CutPrefix("/"+strings.TrimPrefix(header.Name, "/"), "/layers/")
		if !inside || header.Typeflag != tar.TypeReg || strings.HasPrefix(name, "config/") ||
			strings.HasSuffix(name, "sbom.legacy.json") {
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(data)
	}
}

// rebuild builds the app twice with slugc's lifecycle.
func (c corpusCase) rebuild(t *testing.T) (last rebuilt) {
	t.Helper()
	m := newMachine(t, "")
	for _, number := range []string{"1", "2"} {
		kept := filepath.Join(t.TempDir(), "layers")
		if err := os.Rename(filepath.Join(m.app, ".layers"), kept); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.RemoveAll(m.app); err != nil {
			t.Fatal(err)
		}
		c.env["BUILD"] = number
		c.layOut(t, m.bps, m.app)
		testkit.Write(t, filepath.Join(m.app, "main.cbl"), "")
		if testkit.Exists(kept) {
			if err := os.Rename(kept, filepath.Join(m.app, ".layers")); err != nil {
				t.Fatal(err)
			}
		}
		var result *lifecycle.Result
		last.outcome, result = c.build(t, m)
		if result == nil {
			return last
		}
		last.Image = map[string]string{}
		for _, l := range result.Layers {
			walk(t, l.Dir, func(name, text string) { last.Image[l.Buildpack+"/"+l.Name+"/"+name] = text })
		}
		if result.SBOM != "" {
			walk(t, result.SBOM, func(name, text string) { last.Image["sbom/launch/"+name] = text })
		}
	}
	return last
}

// fields returns what is compared, by name. What is on disk after the build is not: the real lifecycle takes layers
// from the last image, which are in Image.
func (r rebuilt) fields() map[string]any {
	all := r.outcome.fields()
	delete(all, "Layers")
	all["Image"] = r.Image
	return all
}
