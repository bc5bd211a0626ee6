package export_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"slugc/compiler/fault"
	"slugc/compiler/launch/export"
	"slugc/compiler/procfile"
)

var update = flag.Bool("update", false, "write what exports look like into testdata")

// small is an app of two web processes, a worker and no clock.
func small() export.Options {
	return export.Options{
		App:       "blog",
		Root:      `/srv/my "blog" %h`,
		Dir:       "/etc/units %n",
		Log:       "/var/log/blog",
		User:      "www-data",
		Timeout:   30 * time.Second,
		BasePort:  6000,
		Formation: map[string]int{"web": 2, "worker": 1, "clock": 0, "release": 1},
		Env:       []string{"RACK_ENV=production", `SECRET=it's "$5" & 100 % \ é`, "KEY=-----BEGIN\nAB+/=\n-----END\n"},
		Processes: []procfile.Process{
			{Type: "release", Command: "rake db:migrate"},
			{Type: "clock", Command: "clockwork clock.rb"},
			{
				Type:    "web",
				Command: `bundle exec puma -p $PORT -t 5:5 # '"100 %"' && \`,
			},
			{Type: "worker", Command: "exec sidekiq ; echo 'é' <in >out"},
		},
	}
}

// TestGolden holds every byte of every format. An archive's comment lists the files' modes.
func TestGolden(t *testing.T) {
	for _, format := range export.Formats() {
		t.Run(format, func(t *testing.T) {
			files, err := export.Export(format, small())
			if err != nil {
				t.Fatal(err)
			}
			var a txtar.Archive
			for _, f := range files {
				a.Comment = fmt.Appendf(a.Comment, "%04o %s\n", f.Mode, f.Path)
				a.Files = append(a.Files, txtar.File{Name: f.Path, Data: f.Data})
			}
			golden := filepath.Join("testdata", format+".txtar")
			if *update {
				if err := os.WriteFile(golden, txtar.Format(&a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(txtar.Format(&a))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Config vars stand in files that nobody else can read, and only there; without any, units are
// public.
func TestSecrets(t *testing.T) {
	for _, format := range export.Formats() {
		o := small()
		o.Env = []string{"TOKEN=hunter2"}
		files, err := export.Export(format, o)
		if err != nil {
			t.Fatal(err)
		}
		held := false
		for _, f := range files {
			has := strings.Contains(string(f.Data), "hunter2")
			held = held || has
			if has && f.Mode&0o077 != 0 {
				t.Errorf("%s: %s has a secret and mode %o", format, f.Path, f.Mode)
			}
		}
		if !held {
			t.Errorf("%s: no file holds the variable", format)
		}
		o.Env = nil
		if files, err = export.Export(format, o); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.Mode&0o044 == 0 && !strings.Contains(f.Path, "/env/") {
				t.Errorf("%s: %s holds no secret and has mode %o", format, f.Path, f.Mode)
			}
		}
	}
}

// refusals are what is refused, and in which formats.
var refusals = []struct {
	id, text string
	formats  []string
	change   func(o *export.Options)
}{
	{"export/format", `exporting: there is no format "inittab"`, []string{"inittab"}, func(*export.Options) {}},
	{
		"release/app-name",
		`naming the app: "../x" is not an app's name`,
		export.Formats(),
		func(o *export.Options) { o.App = "../x" },
	},
	{
		"export/user",
		`exporting "blog": "a b" is not a user's name`,
		export.Formats(),
		func(o *export.Options) { o.User = "a b" },
	},
	{
		"export/timeout",
		`exporting "blog": the timeout is negative: -1s`,
		export.Formats(),
		func(o *export.Options) { o.Timeout = -time.Second },
	},
	{
		"export/variable-name",
		`exporting "blog": a variable can't be called "A-B"`,
		export.Formats(),
		func(o *export.Options) { o.Env = []string{"A-B=1"} },
	},
	{
		"export/variable-name",
		`exporting "blog": a variable can't be called "SLUGC_PROFILE"`,
		export.Formats(),
		func(o *export.Options) { o.Env = []string{"SLUGC_PROFILE=1"} },
	},
	{
		"export/nul",
		`exporting "blog": the variable A has a NUL character, which no process can be given`,
		export.Formats(),
		func(o *export.Options) { o.Env = []string{"A=\x00"} },
	},
	{
		"export/nul",
		`exporting "blog": the command of web has a NUL character, which no process can be given`,
		export.Formats(),
		func(o *export.Options) { o.Processes[2].Command = "a\x00" },
	},
	{
		"export/too-long",
		`exporting "blog-web.1": the command takes 131072 bytes, more than 131071`,
		export.Formats(),
		func(o *export.Options) { o.Processes[2].Command = strings.Repeat("x", 128<<10) },
	},
	{
		"export/too-long",
		`exporting "blog-web.1": the variable LONG takes 131072 bytes, more than 131071`,
		export.Formats(),
		func(o *export.Options) { o.Env = []string{"LONG=" + strings.Repeat("x", 128<<10-5)} },
	},
	{
		"export/too-long",
		`exporting "blog-web.1": the environment has 1080132 bytes, more than 1048576`,
		export.Formats(),
		func(o *export.Options) {
			o.Root = "/srv"
			for i := range 9 {
				o.Env = append(o.Env, fmt.Sprintf("A%d=%s", i, strings.Repeat("x", 120000)))
			}
			o.Env = o.Env[3:]
		},
	},
	{
		"export/directory",
		`exporting "blog" for FORMAT: the slug's directory can't be "srv": it is not an absolute path without detours`,
		export.Formats(),
		func(o *export.Options) { o.Root = "srv" },
	},
	{
		"export/directory",
		`exporting "blog" for FORMAT: the slug's directory can't be "/a\nb": it has control characters, is not UTF-8, or ends in a blank or "\"`,
		export.Formats(),
		func(o *export.Options) { o.Root = "/a\nb" },
	},
	{
		"export/directory",
		`exporting "blog" for FORMAT: the log directory can't be "/a ": it has control characters, is not UTF-8, or ends in a blank or "\"`,
		export.Formats(),
		func(o *export.Options) { o.Log = "/a " },
	},
	{
		"export/directory",
		`exporting "blog" for FORMAT: the slug's directory can't be "/a\\": it has control characters, is not UTF-8, or ends in a blank or "\"`,
		export.Formats(),
		func(o *export.Options) { o.Root = `/a\` },
	},
	{
		"export/directory",
		`exporting "blog" for FORMAT: the slug's directory can't be "/a #b": supervisord would take " ;" or " #" for a comment`,
		[]string{"supervisord"},
		func(o *export.Options) { o.Root = "/a #b" },
	},
	{
		"export/directory",
		`exporting "blog" for FORMAT: the log directory can't be "/a%(here)s": supervisord would replace %(here)s`,
		[]string{"supervisord"},
		func(o *export.Options) { o.Log = "/a%(here)s" },
	},
	{
		"export/directory",
		`exporting "blog" for FORMAT: the directory of the files can't be "/a*": systemd would take it for a pattern`,
		[]string{"systemd"},
		func(o *export.Options) { o.Dir = "/a*" },
	},
	{
		"export/reserved-name",
		`exporting "multi-user" for systemd: multi-user.target is systemd's own`,
		[]string{"systemd"},
		func(o *export.Options) { o.App = "multi-user" },
	},
	{
		"export/name-clash",
		`exporting: two processes would both be written as "blog-web-2.conf"`,
		[]string{"upstart"},
		func(o *export.Options) {
			o.Processes[3].Type, o.Formation = "web-2", map[string]int{"web": 2, "web-2": 1}
		},
	},
	{
		"export/name-clash",
		`exporting: two processes would both be written as "blog-web-1.plist"`,
		[]string{"launchd"},
		func(o *export.Options) {
			o.Processes[3].Type, o.Formation = "Web", map[string]int{"web": 1, "Web": 1}
		},
	},
	{
		"launch/port",
		`laying out the formation: the port of "web" would be 65536`,
		export.Formats(),
		func(o *export.Options) { o.BasePort = 65335 },
	},
	{
		"launch/empty-formation",
		`laying out the formation: it has no processes`,
		export.Formats(),
		func(o *export.Options) { o.Formation = map[string]int{"release": 1} },
	},
}

// TestRefused holds the texts of what is refused.
func TestRefused(t *testing.T) {
	for _, test := range refusals {
		for _, format := range test.formats {
			o := small()
			o.Processes = slices.Clone(o.Processes)
			test.change(&o)
			_, err := export.Export(format, o)
			f := fault.Of(err)
			if want := strings.ReplaceAll(test.text, "FORMAT", format); f == nil || f.ID != test.id ||
				f.Error() != want ||
				len(f.Hints) == 0 {
				t.Errorf("%s: %.300v, want %s %s", format, err, test.id, want)
			}
		}
	}
}

// Whatever the command and the value: what is exported is read back, or it is refused with a
// reason.
func FuzzExport(f *testing.F) {
	for _, entry := range hostileVars {
		_, value, _ := strings.Cut(entry, "=")
		f.Add(value[:min(len(value), 200)], hostileArgs, "/srv/blog")
	}
	f.Add("", "", "/srv/a%b")
	f.Add("a\\\n", "\n\n\\", "/srv/ é")
	f.Add("\x00", "x", "/")
	f.Add(`\0101`, `\\0`, "/srv/'\"")
	f.Fuzz(roundTrip)
}

// The same for texts of what is special to some format.
func TestRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		roundTrip(t, randomText(r), randomText(r), "/srv/"+randomText(r))
	}
}

func roundTrip(t *testing.T, value, command, root string) {
	o := small()
	o.Dir, o.Root, o.Env = "/etc/units", root, []string{"SECRET=" + value}
	o.Processes = []procfile.Process{{Type: "web", Command: command}}
	for _, format := range export.Formats() {
		files, err := export.Export(format, o)
		if err != nil {
			if id := fault.Of(err).ID; !strings.HasPrefix(id, "export/") {
				t.Errorf("%s: %s: %v", format, id, err)
			}
			continue
		}
		var gotCommand, gotValue, unit string
		switch byName := index(files); format {
		case "systemd":
			unit = byName["blog-web.1.service"]
			gotCommand, gotValue = readSystemd(
				t,
				unit,
			), strings.TrimPrefix(
				readEnvFile(t, byName["blog.env"])[0],
				"SECRET=",
			)
		case "launchd":
			unit = byName["blog-web-1.plist"]
			p := readPlist(t, unit)
			gotCommand, gotValue = p.Dict.Array[4], p.Dict.Dict.Strings[slices.Index(p.Dict.Dict.Keys, "SECRET")]
		case "runit":
			// The command is in a shell's hands, which other tests run.
			unit, gotCommand = byName["blog-web-1/run"], command
			gotValue, _, _ = strings.Cut(byName["blog-web-1/env/SECRET"], "\n")
		default:
			continue // so are both here
		}
		unit = strings.NewReplacer(`\`, "", "$$", "$", "&amp;", "&").Replace(unit)
		if strings.Contains(unit, "SECRET=$(printf") {
			gotValue = decoded(gotValue)
		}
		if strings.Contains(unit, `set -- "$(printf`) && format != "runit" {
			gotCommand = decoded(gotCommand)
		}
		if gotCommand != command || gotValue != value {
			t.Errorf("%s: %q is %q, %q is %q", format, command, gotCommand, value, gotValue)
		}
	}
}

func index(files []export.File) map[string]string {
	m := map[string]string{}
	for _, f := range files {
		m[f.Path] = string(f.Data)
	}
	return m
}

// readSystemd reads the last word of ExecStart=, by the rules of systemd.service(5).
func readSystemd(t *testing.T, unit string) string {
	t.Helper()
	_, text, ok := strings.Cut(unit, " \\\n    blog-web.1 \\\n    \"")
	text, rest, end := strings.Cut(text, "\"\nRestart=")
	if text == "" && strings.Contains(unit, "\"\"\nRestart=") {
		ok, end = true, true
	}
	if !ok || !end || !strings.HasPrefix(rest, "always\n") && rest != "" {
		t.Fatalf("no command:\n%s", unit)
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `\t`, "\t", "%%", "%", "$$", "$").Replace(text)
}

// decoded undoes printf's octal escapes.
func decoded(text string) string {
	var b strings.Builder
	for text != "" {
		var c byte
		if n, _ := fmt.Sscanf(text, `\0%03o`, &c); n == 1 && len(text) >= 5 {
			b.WriteByte(c)
			text = text[5:]
			continue
		}
		b.WriteByte(text[0])
		text = text[1:]
	}
	return b.String()
}
