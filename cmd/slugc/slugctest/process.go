package slugctest

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"slugc/cache/testkit"
)

// NoProcess requires that soon no process is left whose environment or arguments hold the mark,
// such as the path of a state directory.
func NoProcess(t testing.TB, mark string) {
	t.Helper()
	var left []string
	for range 50 {
		if left = testkit.ProcessesOf(t, mark); len(left) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("processes are left: %q", left)
}

// ReadUntil reads lines until one holds the words, and returns them. What follows is left in r.
func ReadUntil(t testing.TB, r io.Reader, words string) string {
	t.Helper()
	var read strings.Builder
	for lines := bufio.NewReaderSize(byteReader{r}, 16); ; {
		line, err := lines.ReadString('\n')
		read.WriteString(line)
		if strings.Contains(line, words) {
			return read.String()
		}
		if err != nil {
			t.Fatalf("%q is never said:\n%s", words, read.String())
		}
	}
}

// byteReader reads one byte at a time, so that nothing is buffered.
type byteReader struct{ io.Reader }

func (b byteReader) Read(p []byte) (int, error) { return b.Reader.Read(p[:1]) }

// Background starts a command and collects its output. It is killed when the test ends.
func Background(t testing.TB, cmd *exec.Cmd) *testkit.Buffer {
	t.Helper()
	out := &testkit.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s:\n%s", strings.Join(cmd.Args, " "), out)
		}
	})
	return out
}

// patience is how long an app may take to answer: a JVM on a busy machine takes minutes.
const patience = 10 * time.Minute

// Get asks a URL until something answers, and returns the status and the body.
func Get(url string) (int, string, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(url)
		if err == nil {
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			return response.StatusCode, string(body), err
		}
		if time.Now().After(deadline) {
			return 0, "", errors.Join(errors.New("nothing answers"), err)
		}
	}
}
