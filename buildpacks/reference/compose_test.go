package reference_test

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/reference"
)

// samples is a repository with a composite buildpack whose package.toml names two directories beside it.
func samples(t *testing.T, dir, dependencies string) string {
	t.Helper()
	for name, b := range map[string]buildpack{
		"universe": {id: "acme/all", version: "3", parts: []string{"acme/b", "acme/a"},
			extra: map[string]string{"package.toml": "[buildpack]\nuri = \".\"\n" + dependencies}},
		"b": {id: "acme/b", version: "1"}, "a": {id: "acme/a", version: "1"},
	} {
		write(t, filepath.Join(dir, name), b.files())
	}
	return dir
}

const beside = "[[dependencies]]\nuri = \"../b\"\n[[dependencies]]\nuri = \"../a\"\n"

func TestPackageDescriptor(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), platform)
	dir := samples(t, filepath.Join(t.TempDir(), "samples"), beside)
	order := func(p reference.Package) (ids string) {
		for _, b := range p.Buildpacks {
			ids += " " + b.ID
		}
		return ids
	}
	p := take(t, s, dir+"/universe")
	if got := order(p); got != " acme/all acme/b acme/a" || p.Source != dir+"/universe" {
		t.Errorf("got %+v", p)
	}
	sh(t, dir, "git init -q -b main; git add -A; git commit -qm 1")
	if same := take(t, s, "file://"+dir+"#main:universe"); same.Digest != p.Digest || order(same) != order(p) {
		t.Errorf("got %+v", same)
	}
	// Other references may have what it consists of.
	sh(t, dir, "rm universe/package.toml")
	if alone := take(t, s, dir+"/universe"); order(alone) != " acme/all" {
		t.Errorf("got %+v", alone)
	}
	host := newRegistry(t)
	image := push(t, host, "b:1", buildpackage(t, composite[1]))
	mixed := samples(t, t.TempDir(), "[[dependencies]]\nimage = \""+strings.TrimPrefix(image, "docker://")+
		"\"\n[[dependencies]]\nuri = \"../a\"\n")
	if p := take(t, s, mixed+"/universe"); order(p) != " acme/all acme/b acme/a" {
		t.Errorf("got %+v", p)
	}
}

func TestBadPackageDescriptors(t *testing.T) {
	t.Parallel()
	outside := write(t, t.TempDir(), buildpack{id: "acme/a", version: "1"}.files())
	const more = "[[dependencies]]\nuri = "
	for dependencies, want := range map[string]string{
		"[[dependencies]]\nuri = \"../b\"\n":                "buildpack/member-missing acme/a",
		"[[dependencies]\n":                                 "buildpack/descriptor-malformed package.toml",
		beside + more + "\"../none\"\n":                     "buildpack/not-found ../none",
		beside + more + "\"../../../../../../../../etc\"\n": "buildpack/reference-invalid etc",
		beside + more + "\"" + outside + "\"\n":             "buildpack/reference-invalid leads out",
	} {
		id, word, _ := strings.Cut(want, " ")
		dir := samples(t, t.TempDir(), dependencies)
		sh(t, dir, "git init -q -b main; git add -A; git commit -qm 1")
		fails(t, platform, "file://"+dir+"#main:universe", id, word)
	}
}
