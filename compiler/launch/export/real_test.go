package export_test

import (
	"bytes"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slugc/cache/testkit"
)

// ofSupervisord are variables that supervisord and Python set.
var ofSupervisord = regexp.MustCompile(`^(SUPERVISOR_\w+|LC_CTYPE)=`)

// TestSupervisord has a real supervisord start the processes, from a directory that it includes.
func TestSupervisord(t *testing.T) {
	t.Parallel()
	testkit.NeedsTools(t, "supervisor")
	o, out := hostileApp(t)
	want := dumpsOfRun(t, o, out)
	exportAndWrite(t, "supervisord", o)
	main := filepath.Join(filepath.Dir(out), "supervisord.conf")
	text := "[supervisord]\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=" + filepath.Join(filepath.Dir(out), "pid") +
		"\n[include]\nfiles=un*/*.conf\n"
	if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/supervisord", "--nodaemon", "--configuration", main)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	log := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("supervisord:\n%s", log)
		}
	})
	serve(t, cmd, syscall.SIGTERM, func() {
		for dyno := range names {
			got := readDump(t, filepath.Join(out, dyno))
			got.Env = slices.DeleteFunc(got.Env, func(e []byte) bool { return ofSupervisord.Match(e) })
			same(t, dyno, want[dyno], got)
		}
	})
	if strings.Contains(log.String(), "killing") || strings.Count(log.String(), "stopped: my--app") != len(names) {
		t.Errorf("supervisord did not stop its processes by SIGTERM:\n%s", log)
	}
	for _, file := range []string{"web-1.log", "web-2.log", "worker-1.log"} {
		if !testkit.Exists(o.Log, file) {
			t.Errorf("there is no %s", file)
		}
	}
}

// serve runs body while cmd runs, ends cmd with the signal and waits for it.
func serve(t *testing.T, cmd *exec.Cmd, stop syscall.Signal, body func()) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			cmd.Process.Signal(stop)
			cmd.Wait()
		}
	}()
	body()
	if err := cmd.Process.Signal(stop); err != nil {
		t.Error(err)
	}
	cmd.Wait() // runsvdir ends with a code of its own
	ended = true
}

// TestRunit has a real runsvdir start the services. Their output reaches their logs, and a stop also reaches what
// a shell has started in the background.
func TestRunit(t *testing.T) {
	t.Parallel()
	testkit.NeedsTools(t, "runit")
	o, out := hostileApp(t)
	want := dumpsOfRun(t, o, out)
	o.Processes[3].Command = "sh -c 'trap \"echo child ended; exit\" TERM; echo $$ >\"$OUT/child\"; " +
		"while :; do sleep 0.05; done' & echo started; " + o.Processes[3].Command[len("exec "):]
	exportAndWrite(t, "runit", o)
	log := filepath.Join(o.Log, "worker-1", "current")
	cmd := exec.Command("runsvdir", o.Dir)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "STRAY=1"}
	cmd.Stderr = os.Stderr
	serve(t, cmd, syscall.SIGHUP, func() {
		for dyno, name := range names {
			got := readDump(t, filepath.Join(out, dyno))
			same(t, dyno, want[dyno], got)
			if dyno == "worker.1" {
				testkit.Eventually(t, "the child", func() bool { return testkit.Exists(out, "child") })
			}
			sv := exec.Command("sv", "-w", "60", "down", filepath.Join(o.Dir, name))
			if out, err := sv.CombinedOutput(); err != nil {
				t.Errorf("sv down: %v\n%s", err, out)
			}
		}
	})
	for _, name := range names {
		for _, dir := range []string{name, name + "/log"} {
			testkit.Eventually(t, "the end of "+dir, func() bool {
				out, _ := exec.Command("sv", "status", filepath.Join(o.Dir, dir)).Output()
				return strings.Contains(string(out), "runsv not running")
			})
		}
	}
	testkit.Eventually(t, "the log", func() bool {
		data, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(data), "started\n") &&
			strings.Contains(string(data), "child ended\n")
	})
}

// TestUpstart runs what upstart would pass to sh. Upstart itself is no longer distributed.
func TestUpstart(t *testing.T) {
	t.Parallel()
	o, out := hostileApp(t)
	want := dumpsOfRun(t, o, out)
	texts := exportAndWrite(t, "upstart", o)
	for dyno, name := range names {
		_, text, _ := strings.Cut(texts[name+".conf"], "\nscript\n")
		text, _, ok := strings.Cut(text, "\nend script\n")
		if !ok {
			t.Fatalf("no script in %s", texts[name+".conf"])
		}
		script := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(script, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		argv := []string{"/bin/sh", "-e", script}
		same(t, dyno, want[dyno], runUntilDump(t, argv, []string{}, "/", filepath.Join(out, dyno)))
	}
}

// plistFile is a launchd property list: keys and values in turn.
type plistFile struct {
	Dict struct {
		Keys    []string `xml:"key"`
		Strings []string `xml:"string"`
		Array   []string `xml:"array>string"`
		Dict    struct {
			Keys    []string `xml:"key"`
			Strings []string `xml:"string"`
		} `xml:"dict"`
	} `xml:"dict"`
}

// TestLaunchd starts what an XML parser reads in the files. launchd itself runs on macOS only.
func TestLaunchd(t *testing.T) {
	t.Parallel()
	o, out := hostileApp(t)
	want := dumpsOfRun(t, o, out)
	texts := exportAndWrite(t, "launchd", o)
	for dyno, name := range names {
		p := readPlist(t, texts[name+".plist"])
		if p.Dict.Strings[0] != name || p.Dict.Strings[1] != o.Root {
			t.Errorf("label and directory are %q", p.Dict.Strings)
		}
		same(t, dyno, want[dyno], runUntilDump(t, p.Dict.Array, p.env(), o.Root, filepath.Join(out, dyno)))
	}
}

func readPlist(t *testing.T, text string) (p plistFile) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = true
	if err := d.Decode(&p); err != nil {
		t.Fatalf("%v\n%.2000s", err, text)
	}
	return p
}

func (p plistFile) env() (env []string) {
	for i, key := range p.Dict.Dict.Keys {
		env = append(env, key+"="+p.Dict.Dict.Strings[i])
	}
	return env
}

// TestNoBash holds that sh runs the process if there is no bash.
func TestNoBash(t *testing.T) {
	t.Parallel()
	o, out := hostileApp(t)
	if err := os.Remove(filepath.Join(o.Root, ".profile.d/B.sh")); err != nil {
		t.Fatal(err)
	}
	texts := exportAndWrite(t, "launchd", o)
	p := readPlist(t, texts["my--app-web-1.plist"])
	argv := slices.Clone(p.Dict.Array)
	argv[2] = strings.ReplaceAll(argv[2], "/bin/bash", "/no/bash")
	want := runUntilDump(t, p.Dict.Array, p.env(), o.Root, filepath.Join(out, "web.1"))
	i := slices.IndexFunc(want.Args, func(arg []byte) bool { return string(arg) == "/bin/bash" })
	want.Args[i] = []byte("/bin/sh") // $0
	same(t, "web.1", want, runUntilDump(t, argv, p.env(), o.Root, filepath.Join(out, "web.1")))
}
