package export_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/shell"
	"slugc/cache/testkit"
	"slugc/compiler/launch"
	"slugc/compiler/launch/export"
	"slugc/compiler/procfile"
)

// hostileArgs are words for a shell that arrive changed when one layer of quoting is wrong.
const hostileArgs = `'it'\''s' "a  b" \\ ';' ' ;x' ' #y' "%s %%d %(here)s %n" ` +
	`"$HOME|$PORT|$PS|$A" "${B}" -x ]]\> '&amp;<b>' é "tab	end" '*' '$$' '$(id)' "$0" "" \; 'end script'`

// hostileVars are such config vars.
var hostileVars = []string{
	`A=it's "both" quotes`,
	`B=$HOME ${A} %h \ ; # é`,
	"NL=-----BEGIN\n  line 2\n\n-----END\n",
	"EMPTY=",
	"SP=  lead and trail  ",
	"TAB=\ta\t",
	"SEMI=a ;b #c",
	`Q="quoted"`,
	"CTRL=\x01\x1b\r\x7f",
	"BAD=\xff\xfe",
	"PCT=%(ENV_HOME)s %n %%",
	"DASH=-n",
	"HERE=%(here)s",
	`BS=a\`,
	`JSON={"a":"it's"}`,
	"TICK=`id`",
	"XML=]]>&amp;<a/>\ufffe",
	"LONG=" + strings.Repeat("x y", 40000),
	"NBSP=a\u00a0#b",
	"LANG=C",
	`OCTAL=\0101\n`,
	"DYNO=not.mine",
	"HASH=#",
	"EQ=a=b=",
	"NUMBER=1",
	"SCRIPT=a\nend script\nb",
}

// specialTexts are special in some format or shell.
var specialTexts = []string{
	"'", `"`, `\`, "$", "%", "`", ";", "#", " ", "\t", "\n", "\r", "é", "\xff", "&", "<", ">", "]]>", "$A", "${A}",
	"%(x)s", "%%", "\\\n", "\\0101", "x", "end script", "=", ",", "-", "*", "~", "!", "(", ")", "\u2028",
}

// randomText returns a random sequence of special texts.
func randomText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(specialTexts[r.IntN(len(specialTexts))])
	}
	return b.String()
}

func randomVars() (vars []string) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		vars = append(vars, fmt.Sprintf("R%d=%s", i, randomText(r)))
	}
	return vars
}

// hostileApp returns a formation whose processes each dump what they get into a file of the directory out. The
// slug has profiles.
func hostileApp(t *testing.T) (o export.Options, out string) {
	t.Helper()
	base := t.TempDir()
	asciiArgs := strings.NewReplacer("é", "e", "\t", " ").Replace(hostileArgs)
	dumper := shell.Word(testkit.Program(t, "../testdata/child")) + " dump"
	out = filepath.Join(base, "out")
	o = export.Options{
		App:       "my--app",
		Root:      filepath.Join(base, `sl ug's "é" %h $X`),
		Dir:       filepath.Join(base, "un its %i"),
		Log:       filepath.Join(base, "lo gs %s"),
		Env:       slices.Concat(hostileVars, randomVars(), []string{"OUT=" + out}),
		Timeout:   30 * time.Second,
		Formation: map[string]int{"web": 2, "worker": 1, "plain": 1},
		Processes: []procfile.Process{
			{Type: "clock", Command: "false"},
			{Type: "web", Command: dumper + ` "$OUT/$DYNO" ` + hostileArgs},
			{Type: "release", Command: "false"},
			{Type: "worker", Command: "exec " + dumper + " \"$OUT/$DYNO\" 'line 1\n  line 2\n\n# \x01\xff' \t;"},
			// No format needs to encode this one.
			{Type: "plain", Command: dumper + ` "$OUT/$DYNO" ` + asciiArgs},
		},
	}
	testkit.Tree(t, o.Root, map[string]string{
		".profile.d/10_it's.sh": "export SEEN=$SEEN,10; set -- gone; cd /\n",
		".profile.d/B.sh":       "declare -x SEEN=$SEEN,B\n",
		".profile.d/a.sh":       "SEEN=$SEEN,a\n",
		".profile.d/_.txt":      "SEEN=wrong\n",
		".profile.d/é x.sh":     "SEEN=$SEEN,é\n",
		".profile":              "SEEN=$SEEN,profile; cd \"$HOME\"\n",
	})
	for _, dir := range []string{out, o.Dir, o.Log} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return o, out
}

// dump is what a process got.
type dump struct {
	Args, Env [][]byte
	Dir       string
}

// readDump waits for a process's dump, reads it and removes it.
func readDump(t *testing.T, file string) (d dump) {
	t.Helper()
	testkit.Eventually(t, file, func() bool { return testkit.Exists(file) })
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	// Variables that shells set for themselves.
	d.Env = slices.DeleteFunc(d.Env, func(e []byte) bool {
		return strings.HasPrefix(string(e), "_=") || strings.HasPrefix(string(e), "SHLVL=")
	})
	slices.SortFunc(d.Env, slices.Compare)
	return d
}

// runUntilDump runs a command until its dump is there, and returns the dump.
func runUntilDump(t *testing.T, argv, env []string, dir, file string) dump {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = env, dir
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The group: a shell may run beside the dumper.
	defer func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); cmd.Wait() }()
	return readDump(t, file)
}

// dumpsOfRun returns what `slugc run` passes to each process.
func dumpsOfRun(t *testing.T, o export.Options, out string) map[string]dump {
	t.Helper()
	instances, err := launch.Layout(o.Processes, o.Formation, o.BasePort)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]dump{}
	for _, i := range instances {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := launch.Run(ctx, launch.RunOptions{
				Dir: o.Root, Command: i.Command, Env: o.Env, Port: i.Port, Dyno: i.Name(), Stderr: os.Stderr,
			})
			ended <- err
		}()
		want[i.Name()] = readDump(t, filepath.Join(out, i.Name()))
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// exportAndWrite exports a formation, writes the files into o.Dir, and returns their texts by path.
func exportAndWrite(t *testing.T, format string, o export.Options) map[string]string {
	t.Helper()
	files, err := export.Export(format, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := export.Write(o.Dir, format, o.App, files, false); err != nil {
		t.Fatal(err)
	}
	return byPath(files)
}

// same fails the test when a process got something else from its unit than from `slugc run`.
func same(t *testing.T, name string, want, got dump) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s does not get what slugc run passes (-run +%[1]s):\n%.3000s", name, diff)
	}
}

// names are the processes of hostileApp: in DYNO, and in file names.
var names = map[string]string{
	"web.1":    "my--app-web-1",
	"web.2":    "my--app-web-2",
	"worker.1": "my--app-worker-1",
	"plain.1":  "my--app-plain-1",
}
