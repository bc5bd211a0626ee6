package node_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wish is a fixture's want.json.
type wish struct {
	ProcessTypes map[string]string `json:"process_types"`
	Runtimes     map[string]string
	HTTP         struct{ Body string }
	Present      []string
	Absent       []string
	Warnings     []string
	Error        struct{ ID string }
}

func wishOf(t *testing.T, fixture string) wish {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../fixtures", fixture, "want.json"))
	must(t, err)
	var w wish
	must(t, json.Unmarshal(data, &w))
	return w
}

// noInstall are words that appear whenever a package manager runs.
var noInstall = []string{"Running npm", "Running yarn", "Running pnpm", "Running bun"}

// TestFixtures builds every fixture that builds: from nothing, again with what the first build
// kept, and from nothing elsewhere. All three give the same files.
func TestFixtures(t *testing.T) {
	for _, tt := range []struct {
		fixture string
		idle    bool // a second build runs no package manager
	}{
		{"node-express-npm", false},
		{"node-yarn1", true},
		{"node-berry", false},
		{"node-pnpm", false},
		{"node-npm-workspaces", true},
		{"node-native-addon", true},
	} {
		t.Run(tt.fixture, func(t *testing.T) {
			t.Parallel()
			w := wishOf(t, tt.fixture)
			b := newBench(t, tt.fixture)
			b.serve = func(o outcome) { b.request(o, w.HTTP.Body) }
			cold := b.build()
			b.serve = nil
			meets(t, cold, w)
			warm := b.build()
			equal(t, "with the cache", warm.files, cold.files)
			for _, words := range noInstall {
				if tt.idle && strings.Contains(warm.log, words) {
					t.Errorf("the second build says %q:\n%s", words, warm.log)
				}
			}
			if strings.Contains(warm.log, "Installing anew") || strings.Contains(warm.log, "Pruning") {
				t.Errorf("the second build installs again:\n%s", warm.log)
			}
			if !bytes.Equal(warm.bill, cold.bill) || len(cold.bill) == 0 {
				t.Errorf("the bill of materials differs:\n%s\n%s", cold.bill, warm.bill)
			}
			equal(t, "in another directory", newBench(t, tt.fixture).build().files, cold.files)
			if t.Failed() {
				t.Logf("cold:\n%s\nwarm:\n%s", cold.log, warm.log)
			}
		})
	}
}

// meets checks a build against its fixture's wishes.
func meets(t *testing.T, got outcome, w wish) {
	t.Helper()
	for _, name := range w.Present {
		if _, ok := got.files[name]; !ok {
			t.Errorf("%s is not in the slug", name)
		}
	}
	for _, name := range w.Absent {
		if _, ok := got.files[name]; ok {
			t.Errorf("%s is in the slug", name)
		}
	}
	for _, words := range w.Warnings {
		if !strings.Contains(got.log, " !     "+words) {
			t.Errorf("no warning %q in:\n%s", words, got.log)
		}
	}
	for name, text := range got.files {
		if strings.Contains(text, "names the build's directory") {
			t.Errorf("%s: %s", name, text)
		}
	}
	for kind, command := range w.ProcessTypes {
		found := false
		for _, p := range got.launch.Processes {
			found = found || p.Type == kind && slices.Equal(p.Command, []string{"bash", "-c", command})
		}
		if !found {
			t.Errorf("process %q is not %q in %+v", kind, command, got.launch.Processes)
		}
	}
}

func TestWarnings(t *testing.T) {
	meets(t, newBench(t, "node-no-lockfile").build(), wishOf(t, "node-no-lockfile"))
}

func TestErrors(t *testing.T) {
	for _, fixture := range []string{"node-lockfile-out-of-sync", "node-two-lockfiles", "node-bad-json", "node-no-start", "node-failing-build"} {
		t.Run(fixture, func(t *testing.T) {
			t.Parallel()
			got := newBench(t, fixture).try()
			want := wishOf(t, fixture).Error.ID
			if got.ok || got.wrong == nil || got.wrong.ID != want {
				t.Errorf("gives %+v, want %s\n%s", got.wrong, want, got.log)
			}
		})
	}
}
