package main

import (
	"errors"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/toolchaintest"
)

func TestSourceFinding(t *testing.T) {
	t.Parallel()
	const address = "https://example.org/dist"
	tools := []string{"node", "npm"}
	for _, c := range []struct {
		status toolchain.SourceStatus
		want   finding
	}{
		{
			toolchain.SourceStatus{Name: "a", Tools: tools, Address: address},
			finding{"source: a", true, "node, npm from https://example.org/dist"},
		},
		{toolchain.SourceStatus{Name: "a", Tools: tools, Off: true}, finding{"source: a", false, "node, npm: not set"}},
		{
			toolchain.SourceStatus{Name: "a", Tools: tools, Address: address, Err: errors.New("it has no JDK")},
			finding{"source: a", false, "node, npm from https://example.org/dist: it has no JDK"},
		},
		{
			toolchain.SourceStatus{
				Name: "a", Tools: tools, Address: address, Err: errors.New("getting https://example.org/dist/x: 404"),
			},
			finding{"source: a", false, "node, npm: getting https://example.org/dist/x: 404"},
		},
	} {
		if got := sourceFinding(c.status); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.status, got, c.want)
		}
	}
}

// TestDoctorNamesEveryTool: each tool that a buildpack may ask for has sources that are examined.
func TestDoctorNamesEveryTool(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, s := range toolchaintest.NewServer(t).Open(t.TempDir()).CheckSources(t.Context()) {
		lines = append(lines, sourceFinding(s).Says+":")
	}
	text := strings.NewReplacer(",", " ", ":", " ").Replace(strings.Join(lines, "\n "))
	for _, tool := range []string{"node", "npm", "pnpm", "yarn", "bun", "go", "ruby", "jdk", "leiningen", "clojure"} {
		if !strings.Contains(" "+text, " "+tool+" ") {
			t.Errorf("no source of %s in\n%s", tool, text)
		}
	}
}
