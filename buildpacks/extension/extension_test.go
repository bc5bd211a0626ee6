package extension_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/toolchain"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tools := []toolchain.Toolchain{
		{
			Tool:      "node",
			Version:   "22.1.0",
			Source:    "nodejs.org",
			Requested: "22.x",
			From:      ".nvmrc",
			Dir:       "/toolchains/node",
		},
	}
	slices := map[string]string{"node_modules": "key"}
	if err := extension.WriteToolchains(dir, tools); err != nil {
		t.Fatal(err)
	}
	if err := extension.WriteSlices(dir, slices); err != nil {
		t.Fatal(err)
	}
	gotTools, err := extension.Toolchains(dir)
	if diff := cmp.Diff(tools, gotTools); err != nil || diff != "" {
		t.Error(err, diff)
	}
	gotSlices, err := extension.Slices(dir)
	if diff := cmp.Diff(slices, gotSlices); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got, err := extension.ReadSteps(dir); err != nil || got.Offline.Prefix != nil {
		t.Errorf("a foreign platform: %v, %v", got, err)
	}
	want := extension.Steps{Offline: command.Step{Prefix: []string{"/slugc", "step"}, Hint: "no network"}}
	if err := extension.WriteSteps(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := extension.ReadSteps(dir)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestMember(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"", "apps/api"} {
		dir := t.TempDir()
		if err := extension.WriteMember(dir, want); err != nil {
			t.Fatal(err)
		}
		if got, err := extension.Member(dir); got != want || err != nil {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
	if got, err := extension.Member(""); got != "" || err != nil {
		t.Errorf("without a platform directory: %q (%v)", got, err)
	}
}

func TestForeignPlatform(t *testing.T) {
	t.Parallel()
	tools, err := extension.Toolchains(t.TempDir())
	if err != nil || len(tools) != 0 {
		t.Errorf("%v, %v", tools, err)
	}
	slices, err := extension.Slices(t.TempDir())
	if err != nil || len(slices) != 0 {
		t.Errorf("%v, %v", slices, err)
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "toolchains.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := extension.Toolchains(dir); err == nil {
		t.Error("a damaged file is accepted")
	}
}

func TestSliceLabel(t *testing.T) {
	t.Parallel()
	if path, ok := extension.SlicePath(extension.SliceLabel("packages/a/node_modules")); !ok ||
		path != "packages/a/node_modules" {
		t.Errorf("%q, %t", path, ok)
	}
	if _, ok := extension.SlicePath("org.opencontainers.image.title"); ok {
		t.Error("a foreign label is read as a slice's")
	}
}
