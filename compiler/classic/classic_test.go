package classic_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/classic"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
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
	if diff := cmp.Diff(want, b.compile()); diff != "" {
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

// TestFailures holds whose fault it is when a program fails.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scripts  map[string]string
		code     int
		id, text string
	}{
		"what it said last": {
			map[string]string{"compile": `printf ' !\n !     \e[31mNo requirements.txt.\e[0m\n !\n' >&2; exit 3`},
			51, "build/failed", "bin/compile of buildpack acme: exited with code 3: No requirements.txt.",
		},
		"no bin/compile": {nil, 52, "buildpack/not-runnable", "buildpack acme has no bin/compile"},
		"no interpreter": {
			map[string]string{"compile": "#!/usr/bin/env no-such-ruby\n"},
			52, "buildpack/not-runnable",
			`bin/compile of buildpack acme: its interpreter "no-such-ruby" is not on this machine`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			buildpack(t, c.scripts).fails(c.code, c.id, c.text)
		})
	}
	b := buildpack(t, map[string]string{"detect": "#!/usr/bin/env no-such-ruby\n"})
	_, err := classic.Detect(t.Context(), b.Config)
	if f := fault.Of(err); err == nil || f.ID != "buildpack/detect-failed" || f.Code != fault.ExitDetect {
		t.Errorf("bin/detect without its interpreter: %v", err)
	}
}
