package node_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// request moves the built app elsewhere, starts its web process there and expects an answer that
// contains body. The original is gone meanwhile, so that nothing can lean on it.
func (b *bench) request(o outcome, body string) {
	b.t.Helper()
	must(b.t, os.Rename(b.path("app"), b.path("moved")))
	defer func() { must(b.t, os.Rename(b.path("moved"), b.path("app"))) }()
	before := b.snapshot()
	port := freePort(b)
	command := ""
	for _, p := range o.launch.Processes {
		if p.Type == "web" {
			command = p.Command[len(p.Command)-1]
		}
	}
	var path []string
	for _, layer := range []string{"node", "yarn", "pnpm", "bun"} {
		path = append(path, b.path("moved/.layers/slugc_node/"+layer+"/bin"))
	}
	cmd := exec.Command("sh", "-c", ". ./.layers/slugc_node/node/profile.d/web_concurrency.sh && exec "+command)
	cmd.Dir = b.path("moved")
	defaults, err := filepath.Glob(cmd.Dir + "/.layers/slugc_node/*/env.launch/*.default")
	must(b.t, err)
	for _, file := range defaults {
		value, err := os.ReadFile(file)
		must(b.t, err)
		cmd.Env = append(cmd.Env, strings.TrimSuffix(filepath.Base(file), ".default")+"="+string(value))
	}
	cmd.Env = append(
		cmd.Env,
		"HOME="+cmd.Dir,
		"PATH="+strings.Join(path, ":")+":/usr/bin:/bin:"+cmd.Dir+"/node_modules/.bin",
		fmt.Sprintf("PORT=%d", port),
	)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	must(b.t, cmd.Start())
	answer, err := ask(port)
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	cmd.Wait()
	if err != nil || !strings.Contains(answer, body) {
		b.t.Errorf("the app answers %q (%v), want %q\n%s", answer, err, body, log.String())
	}
	b.cleanTo(before)
}

// ask tries until the server is up.
func ask(port int) (string, error) {
	var err error
	for range 1200 { // a minute
		var response *http.Response
		if response, err = http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port)); err == nil {
			defer response.Body.Close()
			text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
			return string(text), err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return "", err
}

func freePort(b *bench) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(b.t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// snapshot lists the moved app's files.
func (b *bench) snapshot() slug {
	files := slug{}
	b.collect(files, b.path("moved"), "", nil)
	return files
}

// cleanTo fails where starting the app has installed something.
func (b *bench) cleanTo(before slug) {
	b.t.Helper()
	wrote := 0
	for name, text := range b.snapshot() {
		if before[name] == text {
			continue
		}
		if strings.Contains(name, "node_modules") {
			b.t.Errorf("starting the app wrote %s", name)
		}
		wrote++
	}
	if wrote > 20 {
		b.t.Errorf("starting the app wrote %d files", wrote)
	}
}
