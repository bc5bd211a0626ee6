package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slugc/cmd/slugc/slugctest"
	"slugc/compiler/launch/export"
)

// A slug file and an app are exported, with the slug unpacked where the units look for it; a second
// export takes away what it no longer needs.
func TestExport(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.Home(t), t.TempDir()
	file := slugctest.SmallSlug(t, "hello there", "true")
	units, root := filepath.Join(dir, "units"), filepath.Join(dir, "srv", "hello")
	o := slugctest.Run(t, home, "export", "systemd", file, units, "--root", root, "--unpack",
		"-m", "web=3", "-u", "", "-e", "TOKEN=hunter2", "-t", "7500ms")
	if o.Exit != 0 || o.Stdout != units+"\n" {
		t.Fatalf("exit %d, %q\n%s", o.Exit, o.Stdout, o.Stderr)
	}
	for _, want := range []string{
		"-----> Exported hello for systemd: 5 files\n",
		"       to start it: systemctl daemon-reload && systemctl enable --now hello.target\n",
	} {
		if !strings.Contains(o.Stderr, want) || strings.Contains(o.Stderr, "hunter2") {
			t.Errorf("no %q in\n%s", want, o.Stderr)
		}
	}
	if data, err := os.ReadFile(filepath.Join(root, "hello.txt")); err != nil || string(data) != "hello there" {
		t.Errorf("unpacked: %q, %v", data, err)
	}
	unit, err := os.ReadFile(filepath.Join(units, "hello-web.3.service"))
	if err != nil || !strings.Contains(string(unit), "TimeoutStopSec=8\n") || strings.Contains(string(unit), "User=") ||
		!strings.Contains(string(unit), "EnvironmentFile="+units+"/hello.env\n") {
		t.Errorf("%v\n%s", err, unit)
	}
	analyze := exec.Command("systemd-analyze", "verify",
		filepath.Join(units, "hello.target"), filepath.Join(units, "hello-web.1.service"))
	if out, err := analyze.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if o := slugctest.Run(t, home, "register", file, "--app", "hello"); o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	o = slugctest.Run(t, home, "export", "systemd", "hello", units, "--root", root, "--json",
		"--at", "/etc/systemd/system")
	got := slugctest.Decode[exportResult](t, o)
	written := []string{"hello-web.1.service", "hello.env", "hello.target"} // an app's release has variables
	removed := []string{"hello-web.2.service", "hello-web.3.service"}
	if !slices.Equal(got.Files, written) || !slices.Equal(slices.Sorted(slices.Values(got.Removed)), removed) ||
		got.Dir != units || got.Root != root || got.App != "hello" || got.Format != "systemd" {
		t.Errorf("%+v\n%s", got, o.Stderr)
	}
}

// Each format is written into the current directory when none is named, and says how the slug gets
// where it is to be.
func TestExportHere(t *testing.T) {
	t.Parallel()
	home, file := slugctest.Home(t), slugctest.SmallSlug(t, "hello", "true")
	for _, format := range export.Formats() {
		dir := t.TempDir()
		o := slugctest.RunIn(t, dir, home, []string{"PORT=7000"}, "export", format, file)
		if o.Exit != 0 || o.Stdout != dir+"\n" ||
			!strings.Contains(o.Stderr, "       next, unpack the slug: slugc unpack "+file+" /srv/hello\n") {
			t.Errorf("%s: exit %d, %q\n%s", format, o.Exit, o.Stdout, o.Stderr)
		}
		names, err := os.ReadDir(dir)
		if err != nil || len(names) == 0 {
			t.Errorf("%s: %v, %v", format, names, err)
		}
		if out, err := exec.Command("grep", "-rqw", "7000", dir).CombinedOutput(); err != nil {
			t.Errorf("%s: no base port of the environment: %v\n%s", format, err, out)
		}
	}
}
