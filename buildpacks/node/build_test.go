package node_test

import (
	"bytes"
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
)

// TestFixtures builds each fixture from scratch, again with what the first build kept, and from scratch elsewhere.
// All three leave the same files. That the slugs start, and that node-express-npm is the same elsewhere, is held by
// the fixtures' test of cmd/slugc/e2e.
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
			w := buildpacktest.ReadWant(t, fixtureDir(tt.fixture))
			b := newBench(t, tt.fixture)
			cold := b.build()
			w.Check(t, cold.Outcome, cold.files)
			warm := b.build()
			buildpacktest.Equal(t, "with the cache", warm.files, cold.files)
			for _, manager := range []string{"npm", "yarn", "pnpm", "bun"} {
				if words := "Running " + manager; tt.idle && strings.Contains(warm.Log, words) {
					t.Errorf("the second build says %q:\n%s", words, warm.Log)
				}
			}
			if strings.Contains(warm.Log, "Installing from scratch") || strings.Contains(warm.Log, "Pruning") {
				t.Errorf("the second build installs again:\n%s", warm.Log)
			}
			if !bytes.Equal(warm.Bill, cold.Bill) || len(cold.Bill) == 0 {
				t.Errorf("the bill of materials differs:\n%s\n%s", cold.Bill, warm.Bill)
			}
			if tt.fixture != "node-express-npm" {
				elsewhere := newWarmBench(t, tt.fixture).build() // another directory, and another app's downloads
				buildpacktest.Equal(t, "elsewhere", elsewhere.files, cold.files)
			}
			if t.Failed() {
				t.Logf("cold:\n%s\nwarm:\n%s", cold.Log, warm.Log)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	got := newWarmBench(t, "node-no-lockfile").build()
	buildpacktest.ReadWant(t, fixtureDir("node-no-lockfile")).Check(t, got.Outcome, got.files)
}

func TestErrors(t *testing.T) {
	for _, fixture := range []string{
		"node-lockfile-out-of-sync", "node-two-lockfiles", "node-bad-json", "node-no-start", "node-failing-build",
	} {
		t.Run(fixture, func(t *testing.T) {
			t.Parallel()
			newWarmBench(t, fixture).fail(buildpacktest.ReadWant(t, fixtureDir(fixture)).Error.ID)
		})
	}
}
