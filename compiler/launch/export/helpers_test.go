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

// hostileArgs are words of shell that come to grief where one layer of quoting is wrong.
const hostileArgs = `'it'\''s' "a  b" \\ ';' ' ;x' ' #y' "%s %%d %(here)s %n" "$HOME|$PORT|$PS|$A" "${B}" -x ]]\> '&amp;<b>' é "tab	end" '*' '$$' '$(id)' "$0" "" \; 'end script'`

// hostileVars are the same among config vars.
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

// randomText is made of what is special to some format or shell; the same seed gives the same.
func randomText(r *rand.Rand) string {
	pieces := []string{
		"'",
		`"`,
		`\`,
		"$",
		"%",
		"`",
		";",
		"#",
		" ",
		"\t",
		"\n",
		"\r",
		"é",
		"\xff",
		"&",
		"<",
		">",
		"]]>",
		"$A",
		"${A}",
		"%(x)s",
		"%%",
		"\\\n",
		"\\0101",
		"x",
		"end script",
		"=",
		",",
		"-",
		"*",
		"~",
		"!",
		"(",
		")",
		"\u2028",
	}
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(pieces[r.IntN(len(pieces))])
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

// hostileApp is a formation whose processes each dump what they are given, in an unpacked slug with profiles.
func hostileApp(t *testing.T) (o export.Options, out string) {
	t.Helper()
	base := t.TempDir()
	dumper := shell.Word(testkit.Program(t, "../testdata/child")) + " dump"
	out = filepath.Join(base, "out")
	o = export.Options{
		App:  "my--app",
		Root: filepath.Join(base, `sl ug's "é" %h $X`),
		Dir:  filepath.Join(base, "un its %i"),
		Log:  filepath.Join(base, "lo gs %s"),
		Env: slices.Concat(
			hostileVars,
			randomVars(),
			[]string{"OUT=" + out},
		),
		Timeout:   30 * time.Second,
		Formation: map[string]int{"web": 2, "worker": 1, "plain": 1},
		Processes: []procfile.Process{
			{Type: "clock", Command: "false"},
			{Type: "web", Command: dumper + ` "$OUT/$DYNO" ` + hostileArgs},
			{
				Type:    "release",
				Command: "false",
			},
			{Type: "worker", Command: "exec " + dumper + " \"$OUT/$DYNO\" 'line 1\n  line 2\n\n# \x01\xff' \t;"},
			// No format needs to encode this one.
			{
				Type:    "plain",
				Command: dumper + ` "$OUT/$DYNO" ` + strings.NewReplacer("é", "e", "\t", " ").Replace(hostileArgs),
			},
		},
	}
	for name, text := range map[string]string{
		".profile.d/10_it's.sh": "export SEEN=$SEEN,10; set -- gone; cd /", ".profile.d/B.sh": "declare -x SEEN=$SEEN,B", ".profile.d/a.sh": "SEEN=$SEEN,a", ".profile.d/_.txt": "SEEN=wrong",
		".profile.d/é x.sh": "SEEN=$SEEN,é", ".profile": `SEEN=$SEEN,profile; cd "$HOME"`,
	} {
		path := filepath.Join(o.Root, name)
		for _, err := range []error{os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text+"\n"), 0o644)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, dir := range []string{out, o.Dir, o.Log} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return o, out
}

// dump is what a process was given.
type dump struct {
	Args, Env [][]byte
	Dir       string
}

// given waits for a process's dump and takes it away.
func given(t *testing.T, file string) (d dump) {
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
	// What shells count and note for themselves.
	d.Env = slices.DeleteFunc(d.Env, func(e []byte) bool {
		return strings.HasPrefix(string(e), "_=") || strings.HasPrefix(string(e), "SHLVL=")
	})
	slices.SortFunc(d.Env, slices.Compare)
	return d
}

// started runs the command until it has dumped.
func started(t *testing.T, argv, env []string, dir, file string) dump {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = env, dir
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The group: a shell may have stayed, before the dumper.
	defer func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); cmd.Wait() }()
	return given(t, file)
}

// wanted is what slugc run gives to each process.
func wanted(t *testing.T, o export.Options, out string) map[string]dump {
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
			_, err := launch.Run(
				ctx,
				launch.RunOptions{
					Dir:     o.Root,
					Command: i.Command,
					Env:     o.Env,
					Port:    i.Port,
					Dyno:    i.Name(),
					Stderr:  os.Stderr,
				},
			)
			ended <- err
		}()
		want[i.Name()] = given(t, filepath.Join(out, i.Name()))
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// exported exports and places.
func exported(t *testing.T, format string, o export.Options) map[string]string {
	t.Helper()
	files, err := export.Export(format, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := export.Write(o.Dir, format, o.App, files, false); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, f := range files {
		texts[f.Path] = string(f.Data)
	}
	return texts
}

func same(t *testing.T, name string, want, got dump) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is not given what slugc run gives (-run +%[1]s):\n%.3000s", name, diff)
	}
}

// names are the processes of hostileApp, as DYNO and as files have it.
var names = map[string]string{
	"web.1":    "my--app-web-1",
	"web.2":    "my--app-web-2",
	"worker.1": "my--app-worker-1",
	"plain.1":  "my--app-plain-1",
}
