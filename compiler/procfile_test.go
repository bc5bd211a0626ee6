package compiler

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// noDefaults is a build script that takes the stub buildpack's process types back.
const noDefaults = `: >"$layers/launch.toml"` + "\n"

var processTypes = map[string]struct {
	procfile, script string
	file             string // the Procfile's name, if it has another
	lenient          bool
	want, from       string // the process types, and how they are announced
	warning, id      string
}{
	"defaults": {want: "web: ./server\n", from: "buildpack defaults -> web"},
	"Procfile": {
		procfile: "worker: work\n", script: noDefaults,
		want: "worker: work\n", from: "Procfile -> worker",
	},
	"both": {
		procfile: "worker: work\nweb: mine\n",
		want:     "worker: work\nweb: mine\n", from: "Procfile -> worker, web",
	},
	"others too": {
		procfile: "worker: work\n",
		want:     "worker: work\nweb: ./server\n", from: "Procfile -> worker, web",
	},
	"written later": {
		script: "echo 'web: late' >Procfile\n",
		want:   "web: late\n", from: "Procfile -> web",
	},
	"a fault": {procfile: "web: a\nnonsense\n", id: "procfile/unparsable-line"},
	"a lenient fault": {
		procfile: "web: a\nnonsense\n", lenient: true,
		want: "web: a\n", from: "Procfile -> web", warning: "Procfile:2: ",
	},
	"another name": {
		file: "PROCFILE.txt", procfile: "worker: work\n",
		want: "web: ./server\n", from: "buildpack defaults -> web", warning: `"PROCFILE.txt" is not read`,
	},
	"none at all": {script: noDefaults, id: "procfile/no-process-types"},
}

// TestProcessTypes joins the Procfile, the one that a build step writes, and the buildpack's
// defaults.
func TestProcessTypes(t *testing.T) {
	t.Parallel()
	for name, test := range processTypes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, t.TempDir())
			m.req.Lenient = test.lenient
			m.write("build.sh", test.script)
			if test.procfile != "" {
				m.write(cmp.Or(test.file, "Procfile"), test.procfile)
			}
			if test.id != "" {
				m.fails(test.id)
				return
			}
			r := m.build()
			if types(r.ProcessTypes) != test.want || !m.recorded.Has("detail: "+test.from) {
				t.Errorf("got %q, it reports %q", types(r.ProcessTypes), m.recorded.Lines)
			}
			warned := slices.ContainsFunc(m.recorded.Only("warn"), func(line string) bool {
				return test.warning != "" && strings.HasPrefix(line, test.warning)
			})
			if warned != (test.warning != "") {
				t.Errorf("warnings %q", m.recorded.Only("warn"))
			}
		})
	}
}
