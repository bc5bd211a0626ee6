package reference_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	images "github.com/google/go-containerregistry/pkg/v1/tarball"

	"slugc/buildpacks/reference"
	"slugc/cache/testkit"
)

// buildpack is one buildpack of a buildpackage that a test makes.
type buildpack struct {
	id, version string
	parts       []string // ids of version 1 that it consists of
	extra       map[string]string
}

func (b buildpack) files() map[string]string {
	toml := "api = \"0.10\"\n[buildpack]\nid = \"" + b.id + "\"\nversion = \"" + b.version + "\"\n"
	if len(b.parts) > 0 {
		toml += "[[order]]\n"
		for _, p := range b.parts {
			toml += "[[order.group]]\nid = \"" + p + "\"\nversion = \"1\"\n"
		}
	}
	files := map[string]string{"buildpack.toml": toml, "bin/detect": "#!/bin/sh\n", "bin/build": "#!/bin/sh\n"}
	maps.Copy(files, b.extra)
	return files
}

// buildpackage makes an image as `pack buildpack package` does: the first buildpack is its own.
func buildpackage(t *testing.T, packs ...buildpack) v1.Image {
	t.Helper()
	img, labels := empty.Image, map[string]map[string]map[string]string{}
	for _, b := range packs {
		layered := tarball(t, "/cnb/buildpacks/"+strings.ReplaceAll(b.id, "/", "_")+"/"+b.version+"/", b.files())
		layer, err := images.LayerFromOpener(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(layered)), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			t.Fatal(err)
		}
		diff, err := layer.DiffID()
		if err != nil {
			t.Fatal(err)
		}
		labels[b.id] = map[string]map[string]string{b.version: {"layerDiffID": diff.String(), "api": "0.10"}}
	}
	return label(t, img, map[string]any{
		"io.buildpacks.buildpackage.metadata": map[string]string{"id": packs[0].id, "version": packs[0].version},
		"io.buildpacks.buildpack.layers":      labels,
	})
}

func label(t *testing.T, img v1.Image, labels map[string]any) v1.Image {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config.Labels = "linux", "amd64", map[string]string{}
	for name, value := range labels {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		config.Config.Labels[name] = string(text)
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// push puts an image into a registry and returns what a reference to it is.
func push(t *testing.T, host, tag string, img v1.Image) string {
	t.Helper()
	ref, err := name.ParseReference(host + "/" + tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return "docker://" + ref.Name()
}

func newRegistry(t *testing.T) (host string) {
	t.Helper()
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

var platform = reference.Options{OS: "linux", Arch: "amd64"}

// composite is a buildpack with two others that it consists of.
var composite = []buildpack{
	{id: "acme/all", version: "3", parts: []string{"acme/b", "acme/a"}},
	{id: "acme/b", version: "1", extra: map[string]string{"lib/run": "-> ../bin/build"}},
	{id: "acme/a", version: "1"},
}

// checkComposite checks that a package is that of composite.
func checkComposite(t *testing.T, p reference.Package) {
	t.Helper()
	var ids []string
	for _, b := range p.Buildpacks {
		ids = append(ids, b.ID+"@"+b.Version)
		if b.Kind != reference.CNB || !strings.Contains(testkit.Read(t, filepath.Join(b.Dir, "buildpack.toml")), b.ID) {
			t.Errorf("got %+v", b)
		}
	}
	if got := strings.Join(ids, " "); got != "acme/all@3 acme/a@1 acme/b@1" {
		t.Errorf("the package has %s", got)
	}
}

func TestImage(t *testing.T) {
	t.Parallel()
	host, home := newRegistry(t), t.TempDir()
	img := buildpackage(t, composite...)
	id, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref := push(t, host, "acme/all:latest", img)
	s := open(t, home, platform)
	p := take(t, s, ref)
	checkComposite(t, p)
	if want := host + "/acme/all@" + id.String(); p.Source != want {
		t.Errorf("its source is %s, want %s", p.Source, want)
	}
	if same := take(t, s, "docker://"+p.Source); same.Digest != p.Digest {
		t.Errorf("got %+v", same)
	}
	// A tag that moves is said, and not followed.
	other := buildpackage(t, buildpack{id: "acme/all", version: "4"})
	push(t, host, "acme/all:latest", other)
	moved, err := other.Digest()
	if err != nil {
		t.Fatal(err)
	}
	checks := platform
	checks.Check = true
	again := take(t, open(t, home, checks), ref)
	if again.Digest != p.Digest || again.Moved != host+"/acme/all@"+moved.String() {
		t.Errorf("got %+v", again)
	}
}

// save writes an image as a .cnb file, as pack does.
func save(t *testing.T, img v1.Image, file string) string {
	t.Helper()
	dir := t.TempDir()
	at, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = at.AppendImage(img)
	}
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files[strings.TrimPrefix(path, dir+"/")] = testkit.Read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, file, string(tarball(t, "/", files)))
	return file
}

func TestPackageFile(t *testing.T) {
	t.Parallel()
	file := save(t, buildpackage(t, composite...), filepath.Join(t.TempDir(), "all.cnb"))
	p := take(t, open(t, t.TempDir(), platform), file)
	checkComposite(t, p)
	if p.Source != file {
		t.Errorf("its source is %s", p.Source)
	}
	srv := serve(t, map[string][]byte{"/all.cnb": []byte(testkit.Read(t, file))})
	if same := take(t, open(t, t.TempDir(), platform), srv.URL+"/all.cnb"); same.Digest != p.Digest {
		t.Errorf("got %+v", same)
	}
}

func TestBadPackages(t *testing.T) {
	t.Parallel()
	fails := func(img v1.Image, id string, words ...string) {
		t.Helper()
		fails(t, platform, save(t, img, filepath.Join(t.TempDir(), "bp.cnb")), id, words...)
	}
	fails(buildpackage(t, composite[:2]...), "buildpack/member-missing", "acme/a 1")
	fails(empty.Image, "buildpack/not-a-buildpackage", "io.buildpacks")
	lies := composite[1]
	lies.extra = map[string]string{"buildpack.toml": "api = \"0.10\"\n[buildpack]\nid = \"x/y\"\nversion = \"1\"\n"}
	fails(buildpackage(t, lies), "buildpack/package-damaged", "x/y")
	evil := composite[2]
	evil.extra = map[string]string{"../../../../../evil": "x"}
	fails(buildpackage(t, evil), "buildpack/archive-refused", "evil")
	broken := composite[2]
	broken.extra = map[string]string{"buildpack.toml": "x"}
	fails(buildpackage(t, broken), "buildpack/descriptor-malformed")
	for _, version := range []string{"..", "../..", "1/2", ""} {
		img := label(t, buildpackage(t, composite[2]), map[string]any{
			"io.buildpacks.buildpackage.metadata": map[string]string{"id": "a", "version": version},
			"io.buildpacks.buildpack.layers":      map[string]any{"a": map[string]any{version: map[string]string{}}},
		})
		fails(img, "buildpack/package-damaged")
	}
	other := label(t, buildpackage(t, composite[2]), map[string]any{
		"io.buildpacks.buildpackage.metadata": map[string]string{"id": "acme/a", "version": "1"},
		"io.buildpacks.buildpack.layers": map[string]any{"acme/a": map[string]any{"1": map[string]string{
			"layerDiffID": "sha256:" + strings.Repeat("0", 64),
		}}},
	})
	fails(other, "buildpack/package-damaged", "does not have the layer")
}

// TestDamagedPackage changes a byte of a layer.
func TestDamagedPackage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = at.AppendImage(buildpackage(t, composite...))
	}
	if err != nil {
		t.Fatal(err)
	}
	sh(t, dir, `f=$(ls -S blobs/sha256/* | head -1)
		dd if=/dev/zero of=$f bs=1 seek=200 count=4 conv=notrunc 2>/dev/null
		tar cf ../damaged.cnb *; rm $f; tar cf ../incomplete.cnb *; echo x > index.json; tar cf ../broken.cnb *`)
	for _, name := range []string{"damaged", "incomplete", "broken"} {
		fails(t, platform, filepath.Join(dir, "..", name+".cnb"), "buildpack/package-damaged")
	}
}

func TestImageErrors(t *testing.T) {
	t.Parallel()
	host := newRegistry(t)
	fails(t, platform, "docker://"+host+"/acme/none:1", "buildpack/not-found", "404")
	fails(t, platform, "docker://127.0.0.1:1/acme/none:1", "buildpack/unreachable")
	fails(t, platform, push(t, host, "app:1", empty.Image), "buildpack/not-a-buildpackage")
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add:        buildpackage(t, composite[1]),
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "s390x"}},
	})
	ref, err := name.ParseReference(host + "/many:1")
	if err == nil {
		err = remote.WriteIndex(ref, index)
	}
	if err != nil {
		t.Fatal(err)
	}
	fails(t, platform, "docker://"+host+"/many:1", "buildpack/no-platform")
}

// TestCNBRegistry takes the newest version that was not withdrawn, or the one that is named.
func TestCNBRegistry(t *testing.T) {
	t.Parallel()
	host := newRegistry(t)
	addr := func(version string) string {
		img := buildpackage(t, buildpack{id: "acme/web", version: version})
		push(t, host, "acme/web:"+version, img)
		id, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return host + "/acme/web@" + id.String()
	}
	var index bytes.Buffer
	for _, version := range []string{"1.2.0", "1.10.0", "2.0.0"} {
		line, err := json.Marshal(map[string]any{
			"ns": "acme", "name": "web", "version": version, "yanked": version == "2.0.0", "addr": addr(version),
		})
		if err != nil {
			t.Fatal(err)
		}
		index.Write(append(line, '\n'))
	}
	o := platform
	o.Index = serve(t, map[string][]byte{"/3/we/acme_web": index.Bytes()}).URL
	home := t.TempDir()
	s := open(t, home, o)
	for ref, want := range map[string]string{"": "1.10.0", "@1.2.0": "1.2.0"} {
		p := take(t, s, "urn:cnb:registry:acme/web"+ref)
		if b := p.Buildpacks[0]; b.Version != want || !strings.HasPrefix(p.Source, host+"/acme/web@sha256:") {
			t.Errorf("%q: %+v", ref, p)
		}
	}
	o.Check = true
	if p := take(t, open(t, home, o), "urn:cnb:registry:acme/web"); p.Moved != "" {
		t.Errorf("got %+v", p)
	}
	fails(t, o, "urn:cnb:registry:acme/web@9", "buildpack/not-found", `"9"`)
	fails(t, o, "urn:cnb:registry:acme/none", "buildpack/not-found", "404")
}
