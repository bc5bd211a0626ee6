package sandbox_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

// promise is a child that tries what a row of the table in the package comment names, and prints [secret]
// when it succeeds.
type promise struct {
	try func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec
	// elsewhere is that a level that permits it may have nothing to reach, on some machines.
	elsewhere bool
	check     func(t *testing.T, box *sandbox.Sandbox) // nil, or what to look at afterwards
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

// promises are the attempts, by row.
func promises(t *testing.T) map[string]promise {
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
	return map[string]promise{
		"reading the environment or memory of another process": {try: script("cat /proc/%d/environ", other)},
		"reading keys, other apps' caches and repositories":    {try: script("cat %s", file)},
		"reading and adding to the caller's keyrings":          {try: attempt("keyring", keyName)},
		"reaching the network with Network false":              {try: offline},
		"reaching the host's own ports with Network true":      {try: script("%s", connect)},
		"connecting to an abstract Unix socket of the host":    {try: attempt("unix", abstract)},
		"connecting to a Unix socket of the host by its path":  {try: attempt("unix", socket)},
		"writing outside its binds: directly, by link, by ..": {
			try: script("(echo x >> %s) && echo REACHED; true", writable),
		},
		"changing the mode and times of the caller's files": {
			try: script("touch -d 2001-01-01 %s && chmod 600 %[1]s && echo REACHED; true", writable),
		},
		"extended attributes, file capabilities": {elsewhere: true,
			try: attempt("attribute", writable)},
		"setuid and setgid files": {
			try: script("cp /bin/true $HOME/x && chmod 4755 $HOME/x && chmod 2755 $HOME/x && echo REACHED; true"),
		},
		"device nodes, capabilities": {elsewhere: true,
			try: script("mknod $HOME/x c 1 3 && echo REACHED; true")},
		"keyctl, bpf, perf, io_uring, userfaultfd, rare sockets": {try: attempt("kernel")},
		"typing into the caller's terminal": {elsewhere: true,
			try: func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec {
				spec := attempt("typing")(t, box)
				_, spec.Stdin = terminal(t)
				return spec
			}},
		"ending, tracing or signalling the host's processes": {
			try: script("kill -CONT %d && echo REACHED; true", other),
		},
		"leaving a daemon behind (two forks, setsid, nohup)": {
			try: func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec {
				spec, _ := sh("(setsid nohup sleep " + daemons[box.Level()] + " >/dev/null 2>&1 &) & sleep 0.1")
				return spec
			},
			check: func(t *testing.T, box *sandbox.Sandbox) { testkit.NoProcess(t, daemons[box.Level()]) },
		},
		"ignoring SIGTERM, sleeping for ever, endless output": {
			try: func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec {
				spec, _ := sh("trap '' TERM; yes >/dev/null & sleep 60; echo REACHED")
				spec.Limits.Deadline = 300 * time.Millisecond
				return spec
			},
		},
		"more memory, processes or disk than its limits": {try: func(t *testing.T, box *sandbox.Sandbox) sandbox.Spec {
			spec := attempt("memory", "400000000")(t, box)
			spec.Limits.Memory = 200e6
			return spec
		}},
	}
}

// keyName is the key in the session keyring of the tests.
var keyName = "slugc-" + testkit.Marker()

// daemons are what a child at each level leaves behind.
var daemons = map[sandbox.Level]string{
	sandbox.Bubblewrap: testkit.Marker(), sandbox.Landlock: testkit.Marker(), sandbox.None: testkit.Marker(),
}

func init() {
	// A process without a session keyring of its own has that of its user.
	key, err := unix.AddKey("user", keyName, []byte(secret), unix.KEY_SPEC_USER_SESSION_KEYRING)
	if err == nil {
		_, _ = unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, key, 600, 0, 0)
	}
}

// table reads the rows of the table in the package comment: the attempt, and the levels that prevent it.
func table(t *testing.T) [][2]string {
	t.Helper()
	source, err := os.ReadFile("sandbox.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(source), "a test tries each row:\n//\n")
	text, _, _ = strings.Cut(text, "\n//\n")
	var rows [][2]string
	for line := range strings.Lines(text) {
		attempt, levels, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "//")), "  ")
		rows = append(rows, [2]string{attempt, levels})
	}
	return rows
}

// TestPromises tries each row of the table in the package comment at each level, and holds that Permits says
// the same.
func TestPromises(t *testing.T) {
	t.Parallel()
	rows, attempts := table(t), promises(t)
	if len(rows) != len(attempts) {
		t.Errorf("the table has %d rows, and there are %d attempts", len(rows), len(attempts))
	}
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		for _, row := range rows {
			t.Run(row[0], func(t *testing.T) {
				p, found := attempts[row[0]]
				if !found {
					t.Fatal("nothing tries this row")
				}
				prevents := slices.Contains(strings.Fields(row[1]), string(box.Level())[:1])
				if slices.Contains(box.Permits(), row[0]) == prevents {
					t.Errorf("Permits says otherwise: %q", box.Permits())
				}
				spec, out := p.try(t, box), &testkit.Buffer{}
				spec.Stdout, spec.Stderr = out, out
				err := box.Run(t.Context(), spec)
				if reached := out.Contains(secret); reached == prevents && !(p.elsewhere && !reached) {
					t.Errorf("the child reaches it: %t (%v)\n%s", reached, err, out)
				}
				if p.check != nil {
					p.check(t, box)
				}
			})
		}
	})
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
