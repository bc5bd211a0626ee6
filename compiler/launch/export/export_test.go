package export_test

import (
	"flag"
	"fmt"
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
		Env: []string{
			"RACK_ENV=production", `SECRET=it's "$5" & 100 % \ é`, "KEY=-----BEGIN\nAB+/=\n-----END\n",
		},
		Processes: []procfile.Process{
			{Type: "release", Command: "rake db:migrate"},
			{Type: "clock", Command: "clockwork clock.rb"},
			{Type: "web", Command: `bundle exec puma -p $PORT -t 5:5 # '"100 %"' && \`},
			{Type: "worker", Command: "exec sidekiq ; echo 'é' <in >out"},
		},
	}
}

// TestGolden compares every byte of every format. An archive's comment lists the files' modes.
func TestGolden(t *testing.T) {
	t.Parallel()
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

// TestSecrets holds that config vars are only in files that no other user can read, and that units without any
// are public.
func TestSecrets(t *testing.T) {
	t.Parallel()
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

// badPath is a reason to refuse a directory.
const badPath = `it has control characters, is not UTF-8, or ends in a blank or "\"`

// refusals are the refused options, and the formats that refuse them.
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
		`exporting "blog" for FORMAT: the slug's directory can't be "/a\nb": ` + badPath,
		export.Formats(),
		func(o *export.Options) { o.Root = "/a\nb" },
	},
	{
		"export/directory",
		`exporting "blog" for FORMAT: the log directory can't be "/a ": ` + badPath,
		export.Formats(),
		func(o *export.Options) { o.Log = "/a " },
	},
	{
		"export/directory",
		`exporting "blog" for FORMAT: the slug's directory can't be "/a\\": ` + badPath,
		export.Formats(),
		func(o *export.Options) { o.Root = `/a\` },
	},
	{
		"export/directory",
		`exporting "blog" for FORMAT: the slug's directory can't be "/a #b": ` +
			`supervisord would take " ;" or " #" for a comment`,
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
	t.Parallel()
	for _, test := range refusals {
		for _, format := range test.formats {
			o := small()
			o.Processes = slices.Clone(o.Processes)
			test.change(&o)
			_, err := export.Export(format, o)
			f, want := fault.Of(err), strings.ReplaceAll(test.text, "FORMAT", format)
			if f == nil || f.ID != test.id || f.Error() != want || len(f.Hints) == 0 {
				t.Errorf("%s: %.300v, want %s %s", format, err, test.id, want)
			}
		}
	}
}
