package compiler

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slugc/cache/testkit"
)

// finishScript finishes the layer one, starts the layers two and three, of which it says nothing or too
// much, and fails.
const finishScript = `for layer in one two three; do
	mkdir -p "$layers/$layer"; cp version "$layers/$layer/version"
	if [ -e fail ] && [ "$layer" = three ]; then continue; fi
	printf '[types]\ncache = true\n[metadata]\nversion = "%s"\n' "$(cat version)" >"$layers/$layer.toml"
done
if [ -e fail ]; then printf 'one\nthree\n../two\n' >"$SLUGC_FINISHED_LAYERS"; exit 1; fi
`

// TestFinishedLayers holds that a build that fails leaves the next one what it had finished, and nothing
// else that it has touched. A push that fails leaves what it has not touched.
func TestFinishedLayers(t *testing.T) {
	t.Parallel()
	for push, want := range map[string][]string{"": {"four 1", "one 2"}, "refused": {"four 1"}} {
		t.Run("push "+push, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, t.TempDir())
			m.write("build.sh", strings.ReplaceAll(finishScript, "one two", "four one two"))
			m.write("version", "1")
			m.build()
			m.write("build.sh", finishScript)
			m.write("version", "2")
			m.write("fail", "")
			if _, err := m.change(func(r *Request) { r.Push = push }); err == nil {
				t.Fatal("the build succeeds")
			}
			if err := m.app().Recover(); err != nil {
				t.Fatal(err)
			}
			var kept []string
			for _, layer := range []string{"four", "one", "two", "three"} {
				file := m.app().Path("layers", "slugc_go", layer)
				if testkit.Exists(file + ".toml") {
					kept = append(kept, layer+" "+testkit.Read(t, filepath.Join(file, "version")))
				}
			}
			if !slices.Equal(kept, want) {
				t.Errorf("the layers with metadata are %q, want %q", kept, want)
			}
		})
	}
}
