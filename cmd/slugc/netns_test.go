package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/clojure/clojuretest"
	"slugc/buildpacks/ruby/rubytest"
)

// alone brings loopback up in a network of its own, serves a directory there and runs slugc.
const alone = `
import fcntl, functools, http.server, os, socket, struct, subprocess, sys, threading
s = socket.socket()
fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: IFF_UP | IFF_LOOPBACK | IFF_RUNNING
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8808), functools.partial(Quiet, directory=sys.argv[1]))
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.exit(subprocess.run(sys.argv[2:]).returncode)
`

// TestNoOtherNetwork builds apps in a network namespace where only their packages' source on
// loopback can be reached: a tool that falls back to anything else fails. The toolchains are there
// from a build before.
func TestNoOtherNetwork(t *testing.T) {
	for fixture, source := range map[string]struct {
		setting string
		dir     func() string
	}{
		"ruby-sinatra-puma":    {"SLUGC_GEM_MIRROR", func() string { return rubytest.Serve(t).Dir }},
		"clojure-lein-uberjar": {"SLUGC_MAVEN_MIRROR", func() string { return clojuretest.Serve(t).Dir }},
		"clojure-deps":         {"SLUGC_MAVEN_MIRROR", func() string { return clojuretest.Serve(t).Dir }},
	} {
		t.Run(fixture, func(t *testing.T) {
			dir, err := filepath.Abs(filepath.Join("../../fixtures", fixture))
			if err != nil {
				t.Fatal(err)
			}
			w, home := readWant(t, dir), state(t)
			app, env := provide(t, &w, dir)
			if o := slugcIn(t, "", home, env, "build", app, "--no-register"); o.exit != 0 {
				t.Fatalf("exit %d\n%s", o.exit, o.stderr)
			}
			flags := "-n"
			if os.Geteuid() != 0 {
				flags = "-rn"
			}
			cmd := exec.Command(
				"unshare",
				flags,
				"python3",
				"-c",
				alone,
				source.dir(),
				binary,
				"build",
				dir,
				"--app",
				"alone",
				"--fresh",
				"--no-register",
			)
			cmd.Env = append(
				[]string{
					"HOME=" + home,
					"SLUGC_HOME=" + home,
					"SLUGC_OFFLINE=1",
					source.setting + "=http://127.0.0.1:8808",
				},
				settings...)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "Done: ") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
