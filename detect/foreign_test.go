package detect_test

import (
	"errors"
	"strings"
	"testing"

	"slugc/detect"
)

// TestForeign names languages that slugc does not build.
func TestForeign(t *testing.T) {
	t.Parallel()
	for names, want := range map[string]string{
		"requirements.txt":             "a Python app (requirements.txt)",
		"app.py":                       "a Python app (app.py)",
		"mix.exs":                      "an Elixir app (mix.exs)",
		"Shop.csproj":                  "a .NET app (Shop.csproj)",
		"composer.json index.php":      "a PHP app (composer.json)",
		"main.py Cargo.toml README.md": "a Rust app (Cargo.toml)",
		"evil\x1b[31m.sln":             "a .NET app (evil?[31m.sln)",
		"README.md":                    "",
		"requirements.txt/x":           "", // a directory
		"Requirements.txt":             "",
	} {
		f := files{}
		for name := range strings.FieldsSeq(names) {
			f[name] = ""
		}
		in := detect.Input{FS: f.tree()}
		_, err := detect.Group(in, detect.All(in))
		none, ok := errors.AsType[*detect.NoMatch](err)
		if !ok {
			t.Fatalf("%s: error %v", names, err)
		}
		got := ""
		if none.Foreign != nil {
			got = none.Foreign.String()
		}
		if got != want {
			t.Errorf("%q looks like %q, want %q", names, got, want)
		}
	}
}
