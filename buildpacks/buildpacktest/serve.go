package buildpacktest

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"slugc/cache/testkit"
)

// Serve runs a shell command in dir as a web process, asks it for a path once it answers, and ends
// it with its children. env is its environment besides HOME and PORT.
func Serve(t testing.TB, dir, command string, env []string, path string) (status int, body string) {
	t.Helper()
	port := testkit.FreePort(t)
	var log strings.Builder
	cmd := exec.Command("bash", "-c", "exec "+command)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	cmd.Env = append([]string{"HOME=" + dir, fmt.Sprintf("PORT=%d", port)}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	Must(t, cmd.Start())
	status, body, err := ask(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
	if err != nil {
		t.Errorf("`%s` does not answer: %v\n%s", command, err, log.String())
	}
	return status, body
}

// ask tries for a minute, until the server is up.
func ask(url string) (status int, body string, err error) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(url)
		if err != nil {
			if time.Now().After(deadline) {
				return 0, "", err
			}
			continue
		}
		defer response.Body.Close()
		text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		return response.StatusCode, string(text), err
	}
}
