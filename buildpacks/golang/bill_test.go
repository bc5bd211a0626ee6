package golang_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
)

func TestBillOfMaterials(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-deps")
	b.Write("lib/go.mod", "module example.com/lib\n\ngo 1.26\n")
	b.Write("lib/lib.go", "package lib\n")
	b.Write("lib.go", "package main\n\nimport _ \"example.com/lib\"\n")
	mod := testkit.Read(t, b.Source("go.mod"))
	b.Write("go.mod", mod+"\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ./lib\n")
	first := b.MustBuild().Bill
	type component struct {
		Type, Name, Version, Purl string
		Properties                []struct{ Name, Value string }
	}
	var doc struct {
		BOMFormat, SpecVersion, SerialNumber string
		Metadata                             struct {
			Timestamp string
			Component struct{ Name string }
		}
		Components []component
	}
	must(t, json.Unmarshal(first, &doc))
	if doc.BOMFormat != "CycloneDX" || doc.SerialNumber != "" || doc.Metadata.Timestamp != "" ||
		doc.Metadata.Component.Name != "example.com/hello" {
		t.Errorf("got %s", first)
	}
	type properties = []struct{ Name, Value string }
	want := []component{
		{
			Type:       "library",
			Name:       "example.com/lib",
			Purl:       "pkg:golang/example.com/lib",
			Properties: properties{{"go:replaces", "example.com/lib@v0.0.0"}},
		},
		{
			Type:       "library",
			Name:       "github.com/go-chi/chi/v5",
			Version:    "v5.2.3",
			Purl:       "pkg:golang/github.com/go-chi/chi/v5@v5.2.3",
			Properties: properties{{"go:sum", "h1:WQIt9uxdsAbgIYgid+BpYc+liqQZGMHRaUwp0JUcvdE="}},
		},
		{Type: "library", Name: "stdlib", Version: b.goTool().Version, Purl: "pkg:golang/stdlib@" + b.goTool().Version},
	}
	if diff := cmp.Diff(want, doc.Components); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(string(first), string(b.MustBuild().Bill)); diff != "" {
		t.Errorf("the second build's bill differs:\n%s", diff)
	}
}
