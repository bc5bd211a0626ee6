package export_test

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/fault"
	"slugc/compiler/launch/export"
)

// TestSystemdMounts writes units that systemd itself reads as showing the slug at its mounts, and the process's own
// tmp at each of them.
func TestSystemdMounts(t *testing.T) {
	t.Parallel()
	o, _ := hostileApp(t)
	o.Mounts, o.Self = []string{"/app", "/workspace", "/layers"}, "/usr/bin/slugc"
	texts := exportAndWrite(t, "systemd", o)
	understood := verify(t, o, texts)
	_, text, _ := strings.Cut(understood, "-> Unit my--app-web.1.service:\n")
	text, _, _ = strings.Cut(text, "-> Unit ")
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^\s*BindPaths: (.*):rbind$`).FindAllStringSubmatch(text, -1) {
		got = append(got, m[1])
	}
	root, runtime := o.Root, regexp.MustCompile(`/[^ ]*/my--app-web\.1`).FindString(got[len(got)-1])
	want := []string{
		"-" + root + ":/app", "-" + root + ":/workspace", "-" + filepath.Join(root, ".layers") + ":/layers",
		runtime + ":/app/tmp", runtime + ":/workspace/tmp",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
	for _, line := range []string{
		"WorkingDirectory: /app", "Environment: HOME=/app", "Environment: PWD=/app",
		"Environment: SLUGC_LAUNCHER=/usr/bin/slugc",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is missing:\n%s", line, text)
		}
	}
}

// TestMounts refuses a slug that no other init system can show where it must be, unless it lies there.
func TestMounts(t *testing.T) {
	t.Parallel()
	for _, format := range export.Formats() {
		o, _ := hostileApp(t)
		o.Mounts = []string{"/app", "/workspace"}
		_, err := export.Export(format, o)
		f, refused := errors.AsType[*fault.Error](err)
		if (format != "systemd") != refused || refused && f.ID != "export/mounts" {
			t.Errorf("%s: %v", format, err)
		}
		o.Root = "/app"
		if _, err := export.Export(format, o); err != nil {
			t.Errorf("%s in /app: %v", format, err)
		}
		o.Mounts = []string{"/etc"}
		if _, err := export.Export(format, o); err == nil {
			t.Errorf("%s shows a slug at /etc", format)
		}
	}
}
