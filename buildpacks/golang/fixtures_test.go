package golang_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// want is a fixture's want.json, as far as a buildpack alone can fulfil it.
type want struct {
	App          string            `json:"app"`
	ProcessTypes map[string]string `json:"process_types"`
	Runtimes     map[string]string `json:"runtimes"`
	HTTP         *struct {
		Path   string `json:"path"`
		Status int    `json:"status"`
		Body   string `json:"body"`
	} `json:"http"`
	Present  []string `json:"present"`
	Absent   []string `json:"absent"`
	Warnings []string `json:"warnings"`
	Error    *struct {
		ID string `json:"id"`
	} `json:"error"`
}

func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/go-*/want.json")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("there are no fixtures")
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			must(t, err)
			var w want
			must(t, json.Unmarshal(data, &w))
			if w.App != name {
				t.Errorf("want.json is of %q", w.App)
			}
			b := newBench(t, name)
			if line := w.Runtimes["go"]; line != "" && !strings.HasPrefix(b.goTool.Version, line) {
				b.fetch(strings.TrimSuffix(line, "."))
			}
			if w.Error != nil {
				if wrong := b.fail(); wrong.ID != w.Error.ID {
					t.Errorf("got %s (%s), want %s", wrong.ID, wrong.Summary, w.Error.ID)
				}
				return
			}
			b.fulfils(b.build(), w)
		})
	}
}

func (b *bench) fulfils(got outcome, w want) {
	b.t.Helper()
	if diff := cmp.Diff(w.ProcessTypes, got.processes); diff != "" {
		b.t.Errorf("processes (-want +got):\n%s", diff)
	}
	for _, name := range w.Present {
		if _, err := os.Stat(filepath.Join(b.app, name)); err != nil {
			b.t.Error(err)
		}
	}
	for _, name := range w.Absent {
		if _, err := os.Stat(filepath.Join(b.app, name)); err == nil {
			b.t.Errorf("%s is there", name)
		}
	}
	for _, text := range w.Warnings {
		if !strings.Contains(got.log, text) {
			b.t.Errorf("no warning %q in:\n%s", text, got.log)
		}
	}
	if w.HTTP == nil {
		return
	}
	status, body := b.get(got.processes["web"], w.HTTP.Path)
	if status != w.HTTP.Status || !strings.Contains(body, w.HTTP.Body) {
		b.t.Errorf("%s answers %d %q, want %d with %q", w.HTTP.Path, status, body, w.HTTP.Status, w.HTTP.Body)
	}
}

// get starts the app from a copy at another path and asks it once.
func (b *bench) get(command, path string) (int, string) {
	b.t.Helper()
	elsewhere := filepath.Join(b.t.TempDir(), "elsewhere")
	must(b.t, os.CopyFS(elsewhere, os.DirFS(b.app)))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(b.t, err)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	must(b.t, listener.Close())
	var log bytes.Buffer
	cmd := exec.CommandContext(b.t.Context(), "bash", "-c", "exec "+command)
	cmd.Dir, cmd.Stdout, cmd.Stderr = elsewhere, &log, &log
	cmd.Env = []string{"HOME=" + elsewhere, "PORT=" + port, "PATH=/usr/bin:/bin"}
	must(b.t, cmd.Start())
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get("http://127.0.0.1:" + port + path)
		if err != nil {
			if time.Now().After(deadline) {
				cmd.Process.Kill()
				cmd.Wait()
				b.t.Fatalf("%v\n%s", err, log.String())
			}
			continue
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		must(b.t, err)
		return response.StatusCode, string(body)
	}
}
