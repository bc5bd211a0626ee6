package classic_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/classic"
	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
)

// TestBuildpack runs the programs of an ordinary buildpack.
func TestBuildpack(t *testing.T) {
	t.Parallel()
	b := buildpack(t, map[string]string{
		"detect": `[ -f "$1/hello.txt" ]; echo Hello`,
		"compile": `cd "$1"; echo "-----> Saying hello"; mkdir -p .profile.d vendor/hello
			tr a-z A-Z < hello.txt > loud.txt; cat "$3/GREETING" > greeting.txt
			echo 'export LOUD=1' > .profile.d/hello.sh; echo seen >> "$2/builds"
			head -c 2000000 /dev/zero > vendor/hello/data
			echo "export PATH=\"$1/vendor/hello:\$PATH\" LANG=C.UTF-8" > "$(dirname "$0")/../export"`,
		"release": `printf -- '---\naddons: [heroku-postgresql:mini]\nconfig_vars: {RACK_ENV: production}\n'
			echo 'default_process_types: {web: "cat loud.txt"}'`,
		"report": `echo '{"language": "hello", "seconds": 1.5}'`,
	})
	b.app(map[string]string{"hello.txt": "hello"})
	b.Vars = map[string]string{"GREETING": "good day\n"}
	found, err := classic.Detect(t.Context(), b.Config)
	if want := (classic.Detected{Pass: true, Name: "Hello"}); err != nil || found != want {
		t.Errorf("bin/detect: %+v, %v, want %+v", found, err, want)
	}
	want := &classic.Result{
		Processes:  []procfile.Process{{Type: "web", Command: "cat loud.txt"}},
		ConfigVars: map[string]string{"RACK_ENV": "production"},
		Addons:     []string{"heroku-postgresql:mini"},
		Exported:   map[string]string{"LANG": "C.UTF-8", "PATH": b.Build + "/vendor/hello:/usr/bin:/bin"},
		Slices:     []string{"vendor/hello"},
		Report:     map[string]any{"language": "hello", "seconds": 1.5},
	}
	got := b.compile()
	got.Own = sandbox.Bind{} // held by TestSeveral
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the result differs (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"loud.txt": "HELLO", "greeting.txt": "good day\n", ".profile.d/hello.sh": "export LOUD=1\n",
		".layers/acme/cache/builds": "seen\n",
	} {
		if got := b.read(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !b.out.Contains("-----> Saying hello\n") {
		t.Errorf("the output is %q", b.out)
	}
}
