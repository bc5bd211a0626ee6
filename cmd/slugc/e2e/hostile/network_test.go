package hostile_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestNetwork builds an app whose install and whose build script connect to servers of the host, at each level,
// as each user and in each mode of the network.
func TestNetwork(t *testing.T) {
	t.Parallel()
	connect := ""
	for _, address := range listening(t) {
		connect += fmt.Sprintf("bash -c ': </dev/tcp/%s' 2>/dev/null && echo $STEP-REACHED\n", address)
	}
	for _, level := range []string{"bubblewrap", "landlock", "none"} {
		for _, uid := range users() {
			t.Run(fmt.Sprintf("%s as %d", level, uid), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, level, uid)
				p.needsToolchain(t)
				for _, mode := range []string{"full", "install", "none"} {
					t.Run(mode, func(t *testing.T) { p.connect(t, mode, connect) })
				}
			})
		}
	}
}

// needsToolchain builds without network what needs a toolchain that is not in the store.
func (p *place) needsToolchain(t *testing.T) {
	w := &world{place: p, app: "first", args: []string{"--network", "none"}}
	slugctest.ToyApp(t, filepath.Join(p.dir, "source", w.app), 0)
	o := w.run(t)
	if o.Exit != 1 || !strings.Contains(o.Stderr, "[toolchain/unavailable]") ||
		!strings.Contains(o.Stderr, "the build has no network (--network none)") {
		t.Errorf("exit %d:\n%s", o.Exit, o.Stderr)
	}
}

// connect builds an app whose steps run the script.
func (p *place) connect(t *testing.T, mode, script string) {
	w := &world{place: p, app: "network-" + mode, args: []string{"--network", mode}}
	source := filepath.Join(p.dir, "source", w.app)
	slugctest.ToyApp(t, source, 0)
	testkit.Write(t, filepath.Join(source, "preinstall.sh"), "STEP=install\n"+script+"true\n")
	testkit.Write(t, filepath.Join(source, "build.sh"), "STEP=build\n"+script+escape+"echo no good >&2; exit 1\n")
	o := w.run(t)
	for step, want := range map[string]bool{"install": mode != "none", "build": mode == "full"} {
		if got := strings.Contains(o.Stderr, step+"-REACHED"); got != want {
			t.Errorf("%s reaches a server: %t", step, got)
		}
	}
	hint := map[string]string{
		"install": "build scripts have no network (--network install)",
		"none":    "the build has no network (--network none)",
	}[mode]
	if o.Exit != 51 || !strings.Contains(o.Stderr, "node/build-script-failed") || !strings.Contains(o.Stderr, hint) {
		t.Errorf("exit %d, and no hint %q", o.Exit, hint)
	}
	// Root without a sandbox has everything.
	if strings.Contains(o.Stderr, "ESCAPED") && mode == "install" && (p.level != "none" || p.uid != 0) {
		t.Error("a step reaches what the buildpack has")
	}
	if t.Failed() {
		t.Logf("slugc says:\n%s", o.Stderr)
	}
}

// escape tries to get at the buildpack's own process, which has the network, and looks for capabilities.
const escape = `grep -q 'CapEff:.0*$' /proc/self/status || echo ESCAPED by capabilities
p=$PPID
while [ "$p" -gt 0 ]; do
	case "$(tr '\0' ' ' </proc/$p/cmdline)" in
	*bin/build*) cat /proc/$p/environ >/dev/null && echo ESCAPED into $p ;;
	esac
	p=$(sed -n 's/^PPid:.//p' /proc/$p/status)
done 2>/dev/null
`

// users are the users to build as.
func users() []int {
	if os.Getuid() == 0 {
		return []int{0, nobody}
	}
	return []int{os.Getuid()}
}

// listening starts a server of the host on loopback and on its other addresses, and returns them as bash
// writes them.
func listening(t *testing.T) (addresses []string) {
	t.Helper()
	server, err := net.Listen("tcp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range own {
		if ip, ok := address.(*net.IPNet); ok && ip.IP.To4() != nil {
			addresses = append(addresses, fmt.Sprintf("%s/%d", ip.IP, server.Addr().(*net.TCPAddr).Port))
		}
	}
	return addresses
}
