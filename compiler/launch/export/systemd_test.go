package export_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/launch/export"
)

// verify passes the units to systemd's own parser, which must have no complaint, and returns what it read.
func verify(t *testing.T, o export.Options, texts map[string]string) string {
	t.Helper()
	testkit.NeedsTools(t, "systemd")
	args := []string{"verify"}
	for name := range texts {
		if !strings.HasSuffix(name, ".env") {
			args = append(args, filepath.Join(o.Dir, name))
		}
	}
	if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	cmd := exec.Command("systemd-analyze", args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_LOG_LEVEL=debug")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestSystemd starts each process with what systemd itself reads in its unit, and with the file of variables read
// by the rules of systemd.exec(5).
func TestSystemd(t *testing.T) {
	t.Parallel()
	o, out := hostileApp(t)
	want := dumpsOfRun(t, o, out)
	texts := exportAndWrite(t, "systemd", o)
	understood := verify(t, o, texts)
	for dyno := range names {
		unit := "my--app-" + dyno + ".service"
		_, text, ok := strings.Cut(understood, "-> Unit "+unit+":\n")
		text, _, _ = strings.Cut(text, "-> Unit ")
		if !ok {
			t.Fatalf("systemd knows no %s:\n%.2000s", unit, understood)
		}
		property := func(name string) (values []string) {
			for _, m := range regexp.MustCompile(`(?m)^\s*`+name+`: (.*)$`).FindAllStringSubmatch(text, -1) {
				values = append(values, m[1])
			}
			return values
		}
		env := property("Environment")
		if files := property("EnvironmentFile"); len(files) != 1 || files[0] != filepath.Join(o.Dir, "my--app.env") {
			t.Fatalf("the files of variables are %q", files)
		}
		env = append(env, readEnvFile(t, texts["my--app.env"])...)
		var argv []string
		for _, word := range cWords(t, property("Command Line")[1]) {
			argv = append(argv, strings.ReplaceAll(word, "$$", "$"))
		}
		if got := property("WorkingDirectory"); got[len(got)-1] != o.Root {
			t.Errorf("the directory is %q", got)
		}
		same(t, dyno, want[dyno], runUntilDump(t, argv, env, o.Root, filepath.Join(out, dyno)))
	}
}

// readEnvFile reads the subset of EnvironmentFile= that is written: NAME="value" with a backslash
// before \ " ` and $.
func readEnvFile(t *testing.T, text string) (env []string) {
	t.Helper()
	for text = text[strings.Index(text, "\n")+1:]; text != ""; {
		m := regexp.MustCompile("(?s)^([A-Z0-9_]+)=\"((?:[^\\\\\"`$]|\\\\[\\\\\"`$])*)\"\n").FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("not a variable: %.200q", text)
		}
		env = append(env, m[1]+"="+regexp.MustCompile(`(?s)\\(.)`).ReplaceAllString(m[2], "$1"))
		text = text[len(m[0]):]
	}
	return env
}

// TestSystemdVariablesInShell holds that a shell reads the same values in the file of variables.
func TestSystemdVariablesInShell(t *testing.T) {
	t.Parallel()
	o, _ := hostileApp(t)
	text := exportAndWrite(t, "systemd", o)["my--app.env"]
	cmd := exec.Command("sh", "-c", `set -a; . "$0"; exec env -0`, filepath.Join(o.Dir, "my--app.env"))
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range readEnvFile(t, text) {
		if !strings.Contains("\x00"+string(got), "\x00"+entry+"\x00") {
			t.Errorf("a shell does not read %.100q", entry)
		}
	}
}

// cWords splits a command line as systemd prints it: words, in double quotes where need be, with
// C's escapes.
func cWords(t *testing.T, line string) (words []string) {
	t.Helper()
	escapes := strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\$`, `$`, "\\`", "`", `\n`, "\n", `\t`, "\t")
	for line != "" {
		m := regexp.MustCompile(`^(?:"((?:[^"\\]|\\.)*)"|([^" ]+))(?: |$)`).FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("not words: %.200q", line)
		}
		words = append(words, escapes.Replace(m[1])+m[2])
		line = line[len(m[0]):]
	}
	return words
}

// TestSystemdLong holds that the longest command of Linux fits, escaped, into systemd's longest line.
func TestSystemdLong(t *testing.T) {
	t.Parallel()
	o, _ := hostileApp(t)
	o.Processes[1].Command = ": " + strings.Repeat(`"%$`, 43000)
	texts := exportAndWrite(t, "systemd", o)
	verify(t, o, texts)
}
