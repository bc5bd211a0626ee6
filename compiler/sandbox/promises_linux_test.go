package sandbox_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

// promise is one row of the table in the package comment, and a child that tries what it names: a script
// that prints [secret] when it succeeds.
type promise struct {
	row    string
	levels string // the letters of the levels that prevent it
	try    func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec
	// elsewhere says that other levels may not permit it either, on some machines.
	elsewhere bool
	check     func(t *testing.T) // nil, or what to look at afterwards
}

func script(text string, args ...any) func(*testing.T, *sandbox.Sandbox) sandbox.Spec {
	return func(*testing.T, *sandbox.Sandbox) sandbox.Spec {
		spec, _ := sh(fmt.Sprintf(text, args...))
		spec.Network = true
		return spec
	}
}

// attempt runs the program that tries what a shell cannot.
func attempt(args ...string) func(*testing.T, *sandbox.Sandbox) sandbox.Spec {
	return func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec {
		program := testkit.Program(t, "./testdata/attempt")
		bind := sandbox.Bind{Host: filepath.Dir(program), Inside: "/attempt"}
		spec, _ := sh("", bind)
		spec.Args = append([]string{filepath.Join(box.Path(bind), filepath.Base(program))}, args...)
		spec.Network = true
		return spec
	}
}

// promises are the rows of the table.
func promises(t *testing.T) []promise {
	other := sleeper(t, "TOKEN="+secret)
	file := secretFile(t)
	writable := filepath.Join(t.TempDir(), "theirs")
	testkit.Write(t, writable, "")
	port := listen(t, "tcp", "127.0.0.1:0").(*net.TCPAddr).Port
	abstract := listen(t, "unix", "@slugc-"+testkit.Marker()).String()
	socket := listen(t, "unix", filepath.Join(t.TempDir(), "s")).String()
	connect := fmt.Sprintf("bash -c ': < /dev/tcp/127.0.0.1/%d' && echo REACHED; true", port)
	offline := func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec {
		spec, _ := sh(connect)
		return spec
	}
	return []promise{
		{row: "reading the environment or memory of another process", levels: "b l",
			try: script("cat /proc/%d/environ", other)},
		{row: "reading keys, other apps' caches and repositories", levels: "b l", try: script("cat %s", file)},
		{row: "reading and adding to the caller's keyrings", levels: "b l", try: attempt("keyring", keyName)},
		{row: "reaching the network with Network false", levels: "b l", try: offline},
		{row: "reaching the host's own ports with Network true", levels: "", try: script("%s", connect)},
		{row: "connecting to an abstract Unix socket of the host", levels: "b l", try: attempt("unix", abstract)},
		{row: "connecting to a Unix socket of the host by its path", levels: "b l", try: attempt("unix", socket)},
		{row: "writing outside its binds: directly, by link, by ..", levels: "b l",
			try: script("(echo x >> %s) && echo REACHED; true", writable)},
		{row: "changing the mode and times of the caller's files", levels: "b",
			try: script("touch -d 2001-01-01 %s && chmod 600 %[1]s && echo REACHED; true", writable)},
		{row: "extended attributes, file capabilities", levels: "b l", elsewhere: true,
			try: attempt("attribute", writable)},
		{row: "setuid and setgid files", levels: "b l",
			try: script("cp /bin/true $HOME/x && chmod 4755 $HOME/x && chmod 2755 $HOME/x && echo REACHED; true")},
		{row: "device nodes, capabilities", levels: "b l", elsewhere: true,
			try: script("mknod $HOME/x c 1 3 && echo REACHED; true")},
		{row: "keyctl, bpf, perf, io_uring, userfaultfd, rare sockets", levels: "b l", try: attempt("kernel")},
		{row: "typing into the caller's terminal", levels: "b l", elsewhere: true,
			try: func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec {
				spec := attempt("typing")(t, box)
				_, spec.Stdin = terminal(t)
				return spec
			}},
		{row: "ending, tracing or signalling the host's processes", levels: "b l",
			try: script("kill -CONT %d && echo REACHED; true", other)},
		{row: "leaving a daemon behind (two forks, setsid, nohup)", levels: "b l n",
			try:   script("(setsid nohup sleep %s >/dev/null 2>&1 &) & sleep 0.1", daemon),
			check: func(t *testing.T) { testkit.NoProcess(t, daemon) }},
		{row: "ignoring SIGTERM, sleeping for ever, endless output", levels: "b l n",
			try: func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec {
				spec, _ := sh("trap '' TERM; yes >/dev/null & sleep 60; echo REACHED")
				spec.Limits.Deadline = 300 * time.Millisecond
				return spec
			}},
		{row: "more memory, processes or disk than its limits", levels: "b l n",
			try: func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec {
				spec := attempt("memory", "400000000")(t, box)
				spec.Limits.Memory = 200e6
				return spec
			}},
	}
}

// keyName is the key in the session keyring of the tests, and daemon what one of them leaves behind.
var keyName, daemon = "slugc-" + testkit.Marker(), testkit.Marker()

func init() {
	// A process without a session keyring of its own has that of its user.
	key, err := unix.AddKey("user", keyName, []byte(secret), unix.KEY_SPEC_USER_SESSION_KEYRING)
	if err == nil {
		_, _ = unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, key, 600, 0, 0)
	}
}

// TestPromises tries each row of the table in the package comment at each level.
func TestPromises(t *testing.T) {
	t.Parallel()
	rows := promises(t)
	var table strings.Builder
	for _, p := range rows {
		fmt.Fprintf(&table, "//\t%-58s %s\n", p.row, orNone(p.levels))
	}
	source, err := os.ReadFile("sandbox.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), table.String()) {
		t.Errorf("the package comment must have this table:\n%s", table.String())
	}
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		for _, p := range rows {
			t.Run(p.row, func(t *testing.T) {
				spec, out := p.try(t, box), &testkit.Buffer{}
				spec.Stdout, spec.Stderr = out, out
				err := box.Run(t.Context(), spec)
				prevents := strings.Contains(p.levels, string(box.Level())[:1])
				if reached := out.Contains(secret); reached == prevents && !(p.elsewhere && !reached) {
					t.Errorf("the child reaches it: %t (%v)\n%s", reached, err, out)
				}
				if p.check != nil && prevents {
					p.check(t)
				}
			})
		}
	})
}

func orNone(levels string) string {
	if levels == "" {
		return "none of them"
	}
	return levels
}

// listen starts a server of the host and returns its address.
func listen(t *testing.T, network, address string) net.Addr {
	t.Helper()
	server, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server.Addr()
}

// terminal returns both ends of a terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	return master, slave
}
