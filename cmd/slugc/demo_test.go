package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestDemoPush runs the script that the README shows in part: each command that the README shows is
// one the script runs, and what it shows of their output is said.
func TestDemoPush(t *testing.T) {
	t.Parallel()
	port := strconv.Itoa(testkit.FreePort(t))
	home := slugctest.Home(t)
	cmd := exec.Command("../../.ci/demo-push", slugctest.Binary(t))
	cmd.Env = append([]string{"HOME=" + home, "SLUGC_HOME=" + home, "DEMO_PORT=" + port}, slugctest.Settings(t)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := demoShape(strings.ReplaceAll(string(out), port, "5620"))
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```shellsession\n(.*?)```").FindStringSubmatch(string(readme))
	if block == nil {
		t.Fatal("the README does not show a push")
	}
	for line := range strings.Lines(demoShape(block[1])) {
		if !strings.Contains(said, line) {
			t.Errorf("the README shows %q, which is not so:\n%s", line, said)
		}
	}
}

var (
	demoVersion = regexp.MustCompile(`v\d+\.\d+\.\d+`)
	demoCommit  = regexp.MustCompile(`\b[0-9a-f]{7,12}\b`)
)

// demoShape leaves out what differs from run to run.
func demoShape(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		if _, after, found := strings.Cut(line, " (found "); found {
			line = strings.TrimSuffix(line, " (found "+after) + " (found …)"
		}
		b.WriteString(demoCommit.ReplaceAllString(demoVersion.ReplaceAllString(line, "vX"), "COMMIT") + "\n")
	}
	return b.String()
}
