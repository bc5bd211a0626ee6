package diagnosis_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/diagnosis"
)

func TestWriteRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "diagnosis.json")
	want := &diagnosis.Diagnosis{
		ID:        "node/lockfile-out-of-sync",
		Summary:   "package-lock.json does not match.",
		Place:     "package-lock.json:3",
		Hints:     []string{"run `npm install`"},
		Transient: true,
	}
	if err := diagnosis.Write(file, want); err != nil {
		t.Fatal(err)
	}
	got, err := diagnosis.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadMissing(t *testing.T) {
	t.Parallel()
	if _, err := diagnosis.Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestReadHostile(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 4000)
	hints := `["1","","3","4","5","6","7","8","9"]`
	for name, tt := range map[string]struct {
		text string
		want *diagnosis.Diagnosis
	}{
		"no json":    {"{", nil},
		"no id":      {`{"summary":"x"}`, nil},
		"odd id":     {`{"id":"node/../x","summary":"x"}`, nil},
		"no summary": {`{"id":"a/b","summary":" \u0007 "}`, nil},
		"too large":  {`{"id":"a/b","summary":"` + strings.Repeat("x", 70<<10) + `"}`, nil},
		"control": {
			`{"id":"a/b","summary":"a\u001b[2Jb\nc\u202ed"}`, &diagnosis.Diagnosis{ID: "a/b", Summary: "a [2Jb cd"},
		},
		"long": {`{"id":"a/b","summary":"` + long + `"}`, &diagnosis.Diagnosis{ID: "a/b", Summary: long[:4096]}},
		"outside": {
			`{"id":"a/b","summary":"x","place":"../../etc/passwd"}`, &diagnosis.Diagnosis{ID: "a/b", Summary: "x"},
		},
		"absolute": {
			`{"id":"a/b","summary":"x","place":"/etc/passwd"}`, &diagnosis.Diagnosis{ID: "a/b", Summary: "x"},
		},
		"too many hints": {
			`{"id":"a/b","summary":"x","hints":` + hints + `}`,
			&diagnosis.Diagnosis{ID: "a/b", Summary: "x", Hints: []string{"1", "3", "4", "5", "6", "7", "8"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "d")
			if err := os.WriteFile(file, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := diagnosis.Read(file)
			if (err != nil) != (tt.want == nil) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/etc/hostname", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, link} {
		if d, err := diagnosis.Read(path); err == nil {
			t.Errorf("%s is %+v", path, d)
		}
	}
}

func TestRecognise(t *testing.T) {
	t.Parallel()
	patterns := append([]diagnosis.Pattern{
		diagnosis.NewPattern("x/special", `odd: (\w+)`, "", "Odd $1."),
	}, diagnosis.Common("x")...)
	const (
		unknownHost = "A dependency is fetched over ssh from a git host, whose key this build does not know."
		knownHost   = "A dependency is fetched over ssh from the git host git.example, whose key this build " +
			"does not know."
		private = "A dependency comes from a private repository of the git host git.example, and the build " +
			"has no credentials for it."
		glibc = "A prebuilt binary needs glibc 2.38, which is newer than this machine's."
	)
	const libc = "node: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by node)"
	for _, tt := range []struct{ text, id, summary string }{
		{"odd: one\nECONNRESET\n", "x/special", "Odd one."},
		{"\x1b[31modd\x1b[0m: two", "x/special", "Odd two."},
		{
			"npm error network request failed, reason: read ECONNRESET\r\n", "x/network",
			"The network failed (ECONNRESET) while packages were being fetched from the registry.",
		},
		{
			"curl: (6) Could not resolve host: packages.example", "x/network",
			"The network failed (Could not resolve host) while packages were being fetched from packages.example.",
		},
		{"Host key verification failed.\r\nfatal: Could not read from remote.", "x/git-host-key", unknownHost},
		{"No ED25519 host key is known for git.example and you have requested strict checking.\n" +
			"Host key verification failed.\r\n", "x/git-host-key", knownHost},
		{
			"Net::OpenTimeout: Failed to open TCP connection to gems.example:443 (execution expired)", "x/network",
			"The network failed (Net::OpenTimeout) while packages were being fetched from gems.example:443.",
		},
		{"git@git.example: Permission denied (publickey).", "x/git-permission", private},
		{
			"fatal: could not read Username for 'https://git.example': terminal prompts disabled",
			"x/git-permission", private,
		},
		{libc, "x/glibc-missing", glibc},
		{"all is well", "", ""},
	} {
		d := diagnosis.Recognise(patterns, []byte(tt.text))
		if d == nil {
			d = &diagnosis.Diagnosis{}
		}
		if d.ID != tt.id || d.Summary != tt.summary {
			t.Errorf("%q is %q %q, want %q %q", tt.text, d.ID, d.Summary, tt.id, tt.summary)
		}
	}
}

func TestNewPattern(t *testing.T) {
	t.Parallel()
	patterns := []diagnosis.Pattern{diagnosis.NewPattern("x/odd", `odd (\d+) in (\S+)( |$)(y)?`, "$2:${1}",
		"$2 has $1, and $4$9.", "set $${HOME} to $1").Transient()}
	want := &diagnosis.Diagnosis{
		ID: "x/odd", Summary: "a.b has 3, and .", Place: "a.b:3", Hints: []string{"set ${HOME} to 3"}, Transient: true,
	}
	if diff := cmp.Diff(want, diagnosis.Recognise(patterns, []byte("odd 3 in a.b"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"id":"a/b","summary":"x","hints":["1"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "d")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := diagnosis.Read(file)
		if err != nil {
			return
		}
		for _, text := range append([]string{d.ID, d.Summary, d.Place}, d.Hints...) {
			if strings.ContainsAny(text, "\x00\x1b\n\r\u202e") || len(text) > 4096 {
				t.Errorf("%q passed", text)
			}
		}
	})
}

// TestTrouble holds that the machine's trouble has one id, whoever met it.
func TestTrouble(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("copying: %w", &fs.PathError{Op: "write", Path: "/app/x", Err: syscall.ENOSPC})
	for _, d := range []*diagnosis.Diagnosis{
		diagnosis.OfTrouble(err), diagnosis.OfOutput("npm ci", "npm error code ENOSPC\n"),
	} {
		if d == nil || d.ID != "disk/full" || !d.Transient || len(d.Hints) == 0 ||
			!strings.HasSuffix(d.Summary, "no space left on device.") {
			t.Errorf("got %+v", d)
		}
	}
	if diagnosis.OfTrouble(fs.ErrNotExist) != nil || diagnosis.OfOutput("npm ci", "npm error code E404\n") != nil {
		t.Error("the machine is blamed for what is not there")
	}
}
