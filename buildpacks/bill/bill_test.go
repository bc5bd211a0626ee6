package bill_test

import (
	"encoding/json"
	"os"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/buildpacks/libcnb/v2"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/bill"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	ctx := libcnb.BuildContext{Layers: libcnb.Layers{Path: t.TempDir()}}
	file := ctx.Layers.LaunchSBOMPath(libcnb.CycloneDXJSON)
	if err := bill.Write(ctx, "shop", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a bill is written that was not announced: %v", err)
	}
	ctx.Buildpack.Info.SBOMFormats = []string{libcnb.BOMMediaTypeCycloneDX}
	one := bill.Library("one", "1.0", bill.Gem("one", "1.0", ""))
	two := bill.Library("two", "2.0", bill.Gem("two", "2.0", ""))
	ruby, npm := bill.Runtime("ruby", "3.4.1"), bill.Tool("npm", "10.0.0", bill.NPM("npm", "10.0.0"))
	read := func(list ...cdx.Component) string {
		t.Helper()
		if err := bill.Write(ctx, "shop", list); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	first := read(two, one, ruby, one, npm)
	if diff := cmp.Diff(first, read(one, ruby, npm, two)); diff != "" {
		t.Errorf("the order of the components shows:\n%s", diff)
	}
	var doc struct {
		BOMFormat, SpecVersion, SerialNumber string
		Metadata                             struct {
			Timestamp string
			Component struct{ Name string }
		}
		Components []struct{ Type, Name, Version, Purl string }
	}
	if err := json.Unmarshal([]byte(first), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.BOMFormat != "CycloneDX" || doc.SpecVersion != "1.5" || doc.SerialNumber != "" ||
		doc.Metadata.Timestamp != "" || doc.Metadata.Component.Name != "shop" {
		t.Errorf("got %s", first)
	}
	var list []string
	for _, c := range doc.Components {
		list = append(list, c.Type+" "+c.Purl)
	}
	want := []string{
		"library pkg:gem/one@1.0", "library pkg:gem/two@2.0",
		"platform pkg:generic/ruby@3.4.1", "application pkg:npm/npm@10.0.0",
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
}
