package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// exitsShown are the codes of README's table that [TestErrors] and [TestExitCodes] show by a
// command; the rest takes a broken machine or slugc, which tests of the rooms stand for.
var exitsShown = map[int]string{
	1: "source-no-git", 2: "usage-flag", 20: "detect-no-match", 42: "cache-state-directory", 51: "procfile-empty", 62: "slug-damaged",
	72: "release-no-releases", 75: "toolchain-unavailable-network",
}

// TestExitCodes holds README's table of exit codes against what slugc ends with.
func TestExitCodes(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "## Exit codes")
	section, _, _ = strings.Cut(section, "\n## ")
	stated := map[int]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(section, -1) {
		code, _ := strconv.Atoi(m[1])
		stated[code] = true
	}
	for _, code := range []int{0, 1, 2, 20, 21, 42, 51, 52, 62, 72, 75, 130} {
		if !stated[code] {
			t.Errorf("README's table lacks %d", code)
		}
		delete(stated, code)
	}
	if len(stated) > 0 {
		t.Errorf("README's table has codes that slugc never ends with: %v", stated)
	}
	for code, name := range exitsShown {
		archive, err := txtar.ParseFile(filepath.Join("testdata/errors", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		if golden := getFile(archive, "stderr"); !strings.HasSuffix(golden, "\nexit "+strconv.Itoa(code)+"\n") {
			t.Errorf("%s does not show exit code %d:\n%s", name, code, golden)
		}
	}
	if o := slugc(t, state(t), "releases"); o.exit != 0 {
		t.Errorf("a command that does its work ends with %d: %s", o.exit, o.stderr)
	}
}

// TestInterrupted sends each signal to a build in the middle of a buildpack: it ends with 130 and
// leaves no process and no half-made release.
func TestInterrupted(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			home, dir := state(t), t.TempDir()
			// seconds, by which the process is found in a sandbox too
			mark := fmt.Sprintf("%d.%d", 1_000_000+os.Getpid(), sig)
			goApp(t, dir, "x")
			writeFiles(
				t,
				dir,
				map[string]string{"bin/go-pre-compile": "#!/bin/sh\necho now it sleeps\nsleep " + mark + " & wait\n"},
			)
			if err := os.Chmod(filepath.Join(dir, "bin/go-pre-compile"), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(binary, "build", dir, "--app", "stopped")
			cmd.Env = append([]string{"HOME=" + home, "SLUGC_HOME=" + home}, settings...)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			giveUp := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
			defer giveUp.Stop()
			said := untilSaid(t, stderr, "now it sleeps")
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(stderr)
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 130 ||
				!strings.HasSuffix(string(rest), " !     interrupted\n") {
				t.Errorf("ends with %d, having said:\n%s%s", code, said, rest)
			}
			noProcess(t, home)
			noProcess(t, mark)
			if o := slugc(t, home, "ps", "stopped"); o.exit != 72 {
				t.Errorf("the app has a release: %s%s", o.stdout, o.stderr)
			}
			if o := slugc(t, home, "cache", "verify"); o.exit != 0 {
				t.Errorf("the cache is damaged: %s", o.stderr)
			}
		})
	}
}

// untilSaid reads lines until one holds words, and returns them.
func untilSaid(t *testing.T, r io.Reader, words string) string {
	t.Helper()
	var said strings.Builder
	// One byte at a time: what follows the words is left to be read.
	for lines := bufio.NewReaderSize(oneByte{r}, 16); ; {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if strings.Contains(line, words) {
			return said.String()
		}
		if err != nil {
			t.Fatalf("%q is never said:\n%s", words, said.String())
		}
	}
}

type oneByte struct{ io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:1]) }
