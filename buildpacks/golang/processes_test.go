package golang_test

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const program = "package main\n\nvar version = \"none\"\n\nfunc main() { println(version) }\n"

type texts = map[string]string

const installLine = "module example.com/app\n\n// +heroku install ./cmd/... ./other\n\ngo 1.26\n"

// processCases are apps of several main packages and what is declared for them.
var processCases = []struct {
	name   string
	mains  []string // directories of main packages
	files  texts
	config texts
	want   texts // all but web start a binary of their name
	log    string
}{
	{name: "the only one", mains: []string{"cmd/api"}, want: texts{"web": "bin/api"}},
	{
		name: "one called web", mains: []string{".", "cmd/web"},
		want: texts{"app": "bin/app", "web": "bin/web"},
	},
	{
		name: "one at the root", mains: []string{".", "cmd/worker"},
		want: texts{"web": "bin/app", "worker": "bin/worker"},
	},
	{
		name: "neither", mains: []string{"cmd/api", "cmd/worker"},
		want: texts{"api": "bin/api", "worker": "bin/worker"},
		log: " !     No package is called web, so there is no web process. " +
			"A Procfile can name one: `web: bin/api`.",
	},
	{
		name: "a name that no process can have", mains: []string{"cmd/web", "cmd/x.y"},
		want: texts{"web": "bin/web"},
		log:  ` !     "x.y" can't be the name of a process.`,
	},
	{
		name: "a Procfile", mains: []string{"cmd/web"}, files: texts{"Procfile": "web: bin/web -v\n"},
		want: texts{},
	},
	{
		name: "a spec", mains: []string{".", "cmd/web", "cmd/worker"},
		config: texts{"GO_INSTALL_PACKAGE_SPEC": "./cmd/..."},
		want:   texts{"web": "bin/web", "worker": "bin/worker"},
	},
	{
		name: "a line in go.mod", mains: []string{".", "cmd/web", "other"}, files: texts{"go.mod": installLine},
		want: texts{"other": "bin/other", "web": "bin/web"},
	},
	{
		name: "a module without a slash", mains: []string{"."}, files: texts{"go.mod": "module web\n\ngo 1.26\n"},
		want: texts{"web": "bin/web"},
	},
}

// TestProcesses builds apps of several main packages and looks at what is declared.
func TestProcesses(t *testing.T) {
	t.Parallel()
	for _, c := range processCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newApp(t, c.files)
			for _, dir := range c.mains {
				b.Write(filepath.Join(dir, "main.go"), program)
			}
			maps.Copy(b.Config, c.config)
			got := b.build()
			if diff := cmp.Diff(c.want, got.Processes()); diff != "" {
				t.Errorf("processes (-want +got):\n%s", diff)
			}
			web := ""
			if c.want["web"] != "" {
				web = "web"
			}
			if got.DefaultProcess() != web {
				t.Errorf("the default process is %q, want %q", got.DefaultProcess(), web)
			}
			got.Says(t, c.log)
			for _, p := range got.Launch.Processes {
				if len(p.Command) != 3 || p.Command[0] != "bash" || p.Command[1] != "-c" {
					t.Errorf("process %s is no shell command: %q", p.Type, p.Command)
				}
			}
		})
	}
}
