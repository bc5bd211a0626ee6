package node

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/language"
	"slugc/cache/testkit"
	"slugc/detect"
)

func TestWeb(t *testing.T) {
	t.Parallel()
	start := detect.NodeApp{Scripts: map[string]string{"start": "x"}}
	for name, tt := range map[string]struct {
		app       detect.NodeApp
		files     []string
		assisting bool
		want, id  string
	}{
		"start script": {app: start, want: "npm start"},
		"main": {
			app:   detect.NodeApp{Main: "lib/my app.js", ServerFile: "index.js"},
			files: []string{"lib/my app.js", "index.js"}, want: "node 'lib/my app.js'",
		},
		"main is gone": {
			app:   detect.NodeApp{Main: "lib/app.js", ServerFile: "index.js"},
			files: []string{"index.js"}, want: "node index.js",
		},
		"Procfile":  {files: []string{"Procfile"}},
		"nothing":   {id: "node/no-start-script"},
		"assisting": {assisting: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := &work{Build: &language.Build{Dir: t.TempDir()}, app: &tt.app, assisting: tt.assisting}
			for _, file := range tt.files {
				testkit.Write(t, b.Path(file), "")
			}
			got, err := b.web()
			if got != tt.want || (err != nil) != (tt.id != "") {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestConcurrency runs the launch script under made-up limits in each shell that a runner may have.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ v2, v1, env, want string }{
		{v2: "1073741824", want: "2"},
		{v2: "max", v1: "1073741824", want: "1"},
		{v1: "2147483648", want: "4"},
		{v1: "9223372036854771712", want: "1"},
		{want: "1"},
		{v2: "34359738368", want: "16"},
		{v2: "1073741824", env: "WEB_MEMORY=256", want: "4"},
		{v2: "1073741824", env: "WEB_MEMORY=none", want: "2"},
		{v2: "1073741824", env: "WEB_CONCURRENCY=7", want: "7"},
		{v2: "134217728", want: "1"},
	} {
		for _, shell := range []string{"sh", "bash"} {
			root := t.TempDir()
			script := strings.ReplaceAll(concurrency, "/sys/fs/cgroup", root)
			testkit.Write(t, filepath.Join(root, "run.sh"), "set -eu\n"+script+"echo $WEB_CONCURRENCY\n")
			if tt.v2 != "" {
				testkit.Write(t, filepath.Join(root, "memory.max"), tt.v2+"\n")
			}
			if tt.v1 != "" {
				testkit.Write(t, filepath.Join(root, "memory/memory.limit_in_bytes"), tt.v1+"\n")
			}
			cmd := exec.Command(shell, filepath.Join(root, "run.sh"))
			cmd.Env = []string{"PATH=/usr/bin:/bin", tt.env}
			out, err := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
				t.Errorf("%s with %+v: %q (%v), want %s", shell, tt, got, err, tt.want)
			}
		}
	}
}
