package descriptor_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"slugc/cache/testkit"
	"slugc/detect/descriptor"
)

// TestSchema holds the schema to the reader: it allows what the reader allows, and refuses what the reader refuses in
// slugc's own table.
func TestSchema(t *testing.T) {
	t.Parallel()
	schema := compile(t)
	valid := []string{
		full, "", "x = 1\n", "[com.other]\ny = 1\n", "[com.slugc]\n",
		"[com.slugc]\ninclude = []\n",
		"[com.slugc]\nbuildpacks = [\"slugc/node\", \"./bp\", \"https://host/bp.git#v1\"]\nnetwork = \"none\"\n",
		"[com.slugc.limits]\nidle-timeout = \"90s\"\ndisk = \"5 GiB\"\nprocesses = 0\n",
		"[com.slugc.env]\nA = \"\"\n_b = \"x\\ny\"\n",
		"[com.slugc]\nversions = { node = \"lts/*\", npm = \"11\", go = \"1.25\", ruby = \"~> 3.3\", jdk = \"21\" }\n",
	}
	for _, text := range valid {
		if err := schema.Validate(decode(t, text)); err != nil {
			t.Errorf("the schema refuses\n%s%v", text, err)
		}
		read(t, files("project.toml", text), "")
	}
	// What a schema cannot say, or would say worse: a time of nothing, a size beyond all disks, one name.
	beyond := []string{"\"0s\"", "999999999999999TiB", "SLUGC_BUILDPACK"}
	refused := 0
	for _, c := range invalid {
		if c.file != "project.toml" || !strings.HasPrefix(c.text, "[com") ||
			slices.ContainsFunc(beyond, func(b string) bool { return strings.Contains(c.text, b) }) {
			continue
		}
		if schema.Validate(decode(t, c.text)) == nil {
			t.Errorf("the schema allows\n%s", c.text)
		}
		refused++
	}
	if both := "[com.slugc]\ninclude = [\"a\"]\nexclude = [\"b\"]\n"; schema.Validate(decode(t, both)) == nil {
		t.Error("the schema allows include and exclude together")
	}
	if refused < 15 {
		t.Errorf("only %d files are compared", refused)
	}
}

// compile reads the schema, which must be one of draft 2020-12.
func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := descriptor.Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("slugc.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("slugc.json")
	if err != nil {
		t.Fatal(err)
	}
	if schema.DraftVersion != 2020 {
		t.Errorf("the schema is of draft %d", schema.DraftVersion)
	}
	return schema
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	doc := map[string]any{}
	if _, err := toml.Decode(text, &doc); err != nil {
		t.Fatal(err)
	}
	return plain(doc).(map[string]any)
}

// plain turns TOML's values into those that a JSON file has.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = plain(v[name])
		}
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case string, bool, int64, float64:
	default: // a date
		return "date"
	}
	return v
}

// TestReference holds the README's table of settings to the rules.
func TestReference(t *testing.T) {
	t.Parallel()
	if want := descriptor.Reference(); !strings.Contains(testkit.Read(t, "../../README.md"), want) {
		t.Errorf("the README should have this table:\n%s", want)
	}
}
