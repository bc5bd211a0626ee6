package compiler

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/fault"
)

// hostile are build scripts that leave what no tree should hold. The stub buildpack runs them in the
// app directory; $layers is its layers directory, $HOST a directory of the machine's.
var hostile = map[string]struct{ script, id string }{
	"a slice that is a link": {
		`ln -s "$HOST" node_modules; printf '[[slices]]\npaths = ["node_modules"]\n' >>"$layers/launch.toml"`,
		"slug/link-outside",
	},
	"a slice that is a link to the app's own files": {
		`mkdir d; ln -s d node_modules; printf '[[slices]]\npaths = ["node_modules"]\n' >>"$layers/launch.toml"`,
		"slug/link-outside",
	},
	"a slice below a link": {
		`ln -s "$HOST" vendor; printf '[[slices]]\npaths = ["vendor/bundle"]\n' >>"$layers/launch.toml"`,
		"slug/link-outside",
	},
	"a slice with a FIFO": {
		`mkdir v; mkfifo v/f; printf '[[slices]]\npaths = ["v"]\n' >>"$layers/launch.toml"`,
		"slug/special-file",
	},
	"a launch layer that is a link": {
		`ln -s "$HOST" "$layers/l"; printf '[types]\nlaunch = true\n' >"$layers/l.toml"`, "slug/link-outside",
	},
	"a launch.toml that is a FIFO": {
		`rm "$layers/launch.toml"; mkfifo "$layers/launch.toml"`, "buildpack/broken-output",
	},
	"metadata that is a file of the host": {`ln -s "$HOST/secret" "$layers/l.toml"`, "buildpack/broken-output"},
	"a layers directory that is a link": {
		`rm -r "$layers"; ln -s "$HOST" "$layers"`, "buildpack/broken-output",
	},
	"all layers in a link": {
		`rm -r .layers; ln -s "$HOST" .layers`, "buildpack/broken-output",
	},
	"a Procfile that is a FIFO":             {"mkfifo Procfile", "procfile/unreadable"},
	"a Procfile that is a directory":        {"mkdir Procfile", "procfile/unreadable"},
	"a Procfile that is a file of the host": {`ln -s "$HOST/secret" Procfile`, "procfile/unreadable"},
	"a Procfile that is a link to a FIFO":   {"mkfifo f; ln -s f Procfile", "procfile/unreadable"},
	"a Procfile of a terabyte":              {"truncate -s 1T Procfile", "procfile/too-large"},
	"a Procfile that is a socket":           {`cp -a "$HOST/socket" Procfile`, "procfile/unreadable"},
}

// TestHostileTrees builds apps whose build leaves links, FIFOs and sparse files where slugc reads.
func TestHostileTrees(t *testing.T) {
	t.Parallel()
	host := testkit.Tree(t, t.TempDir(), map[string]string{"secret": "web: secret\n", "bundle/secret": "secret"})
	listener, err := net.Listen("unix", filepath.Join(host, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	for name, test := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, t.TempDir())
			m.write("build.sh", "HOST="+host+"\n"+test.script+"\n")
			f := m.fails(test.id)
			if test.id == "slug/link-outside" && f.Code != fault.ExitBuild {
				t.Errorf("exit %d", f.Code)
			}
		})
	}
}

// TestLinkedProcfile reads a Procfile that is a link to another file of the app.
func TestLinkedProcfile(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.write("config/Procfile", "web: linked\n")
	if err := os.Symlink("config/Procfile", filepath.Join(m.src, "Procfile")); err != nil {
		t.Fatal(err)
	}
	if got := types(m.build().ProcessTypes); got != "web: linked\n" {
		t.Errorf("got %q", got)
	}
}
