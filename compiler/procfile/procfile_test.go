package procfile_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/fault"
	"slugc/compiler/procfile"
)

type processes = []procfile.Process

func TestParse(t *testing.T) {
	t.Parallel()
	mib := strings.Repeat("x", 1<<20)
	for name, tc := range map[string]struct {
		in   string
		want processes
	}{
		"one":                {"web: run\n", processes{{"web", "run"}}},
		"no final newline":   {"web: run", processes{{"web", "run"}}},
		"order is kept":      {"z: 1\na: 2\nm: 3\n", processes{{"z", "1"}, {"a", "2"}, {"m", "3"}}},
		"no space":           {"web:run", processes{{"web", "run"}}},
		"tab":                {"web:\trun", processes{{"web", "run"}}},
		"leading blanks":     {" \t web: run", processes{{"web", "run"}}},
		"trailing blanks":    {"web: run \t ", processes{{"web", "run"}}},
		"inner blanks stay":  {"web: a  b", processes{{"web", "a  b"}}},
		"comments":           {"# one\n  # two: x\nweb: run\n#", processes{{"web", "run"}}},
		"hash in command":    {"web: echo a #b", processes{{"web", "echo a #b"}}},
		"url in command":     {"web: curl http://x //y", processes{{"web", "curl http://x //y"}}},
		"colon in command":   {"web: a:b", processes{{"web", "a:b"}}},
		"two colons":         {"web:: a", processes{{"web", ": a"}}},
		"crlf":               {"web: run\r\nworker: w\r\n", processes{{"web", "run"}, {"worker", "w"}}},
		"lone trailing cr":   {"web: run\r", processes{{"web", "run"}}},
		"byte order mark":    {"\ufeffweb: run\n", processes{{"web", "run"}}},
		"name characters":    {"A-b_9: run", processes{{"A-b_9", "run"}}},
		"longest name":       {strings.Repeat("n", 63) + ": run", processes{{strings.Repeat("n", 63), "run"}}},
		"a line of 1 MiB":    {"web: " + mib, processes{{"web", mib}}},
		"escaped backslash":  {`web: echo a\\`, processes{{"web", `echo a\\`}}},
		"non-ASCII":          {"web: echo ünï — 日本", processes{{"web", "echo ünï — 日本"}}},
		"case tells":         {"web: a\nWeb: b", processes{{"web", "a"}, {"Web", "b"}}},
		"equals signs":       {"web: x =======", processes{{"web", "x ======="}}},
		"quotes, dollar, &&": {`web: A="$B" x && y | z`, processes{{"web", `A="$B" x && y | z`}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, lenient := range []bool{false, true} {
				got, err := procfile.Parse([]byte(tc.in), lenient)
				if err != nil {
					t.Fatalf("lenient %v: %v", lenient, err)
				}
				if diff := cmp.Diff(tc.want, got.Processes); diff != "" {
					t.Errorf("lenient %v:\n%s", lenient, diff)
				}
			}
		})
	}
}

const always = "always" // refused in lenient mode too

var badFiles = map[string]struct {
	in, id, place string
	lenient       any // processes, or always
}{
	"duplicate": {
		"web: a\nx: b\nweb: c\n",
		"duplicate-type", "Procfile:3", processes{{"web", "c"}, {"x", "b"}},
	},
	"empty command":          {"a: 1\nweb:\n", "empty-command", "Procfile:2", processes{{"a", "1"}}},
	"blank command":          {"a: 1\nweb: \t \n", "empty-command", "Procfile:2", processes{{"a", "1"}}},
	"invisible command":      {"a: 1\nweb: \u200b\u00a0\n", "empty-command", "Procfile:2", processes{{"a", "1"}}},
	"no colon":               {"web run\nx: y", "unparsable-line", "Procfile:1", processes{{"x", "y"}}},
	"space before colon":     {"web : run\nx: y", "unparsable-line", "Procfile:1", processes{{"x", "y"}}},
	"dot in name":            {"web.1: run\nx: y", "unparsable-line", "Procfile:1", processes{{"x", "y"}}},
	"slash in name":          {"w/x: run\nx: y", "unparsable-line", "Procfile:1", processes{{"x", "y"}}},
	"no name":                {": run\nx: y", "unparsable-line", "Procfile:1", processes{{"x", "y"}}},
	"json":                   {"{\"web\": \"x\"}\nx: y", "unparsable-line", "Procfile:1", processes{{"x", "y"}}},
	"slashes are no comment": {"// c\nx: y", "unparsable-line", "Procfile:1", processes{{"x", "y"}}},
	"ours": {
		"x: y\n<<<<<<< HEAD\nweb: a\n=======\nweb: b\n>>>>>>> theirs\n",
		"merge-conflict", "Procfile:2", processes{{"x", "y"}, {"web", "b"}},
	},
	"base":          {"x: y\n||||||| base\n", "merge-conflict", "Procfile:2", processes{{"x", "y"}}},
	"divider, crlf": {"x: y\r\n=======\r\n", "merge-conflict", "Procfile:2", processes{{"x", "y"}}},
	"backslash": {
		"web: a \\\nx: y\n",
		"trailing-backslash", "Procfile:1", processes{{"web", `a \`}, {"x", "y"}},
	},
	"three backslashes": {`web: a\\\`, "trailing-backslash", "Procfile:1", processes{{"web", `a\\\`}}},
	"long name": {
		strings.Repeat("n", 64) + ": r\nx: y",
		"name-too-long", "Procfile:1", processes{{"x", "y"}},
	},
	"nothing":        {"", "empty", "Procfile:1", processes(nil)},
	"comments only":  {"# web: x\n\n", "empty", "Procfile:1", processes(nil)},
	"invalid UTF-8":  {"a: ü\nb: ü\xff\n", "invalid-utf8", "Procfile:2", always},
	"UTF-16":         {"\xff\xfew\x00e\x00b\x00", "invalid-utf8", "Procfile:1", always},
	"NUL":            {"web: a\x00b", "nul", "Procfile:1", always},
	"too large":      {strings.Repeat("#", procfile.MaxSize+1), "too-large", "Procfile", always},
	"too many types": {tooManyTypes(), "too-large", "Procfile:257", always},
}

func tooManyTypes() string {
	var b strings.Builder
	for i := range procfile.MaxTypes + 1 {
		fmt.Fprintf(&b, "t%d: run\n", i)
	}
	return b.String()
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range badFiles {
		t.Run(name, func(t *testing.T) {
			_, err := procfile.Parse([]byte(tc.in), false)
			mark, ok := errors.AsType[*fault.Error](err)
			if !ok {
				t.Fatalf("got %v, want a fault", err)
			}
			if mark.ID != "procfile/"+tc.id || mark.Place != tc.place || mark.Owner != fault.App ||
				len(mark.Hints) == 0 {
				t.Errorf("got %+v", mark)
			}
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 250 {
				t.Errorf("the text is not one short line: %q", err)
			}
			got, err := procfile.Parse([]byte(tc.in), true)
			if tc.lenient == always {
				if err == nil {
					t.Errorf("leniently accepted: %+v", got)
				}
				return
			}
			if err != nil || len(got.Warnings) == 0 {
				t.Fatalf("leniently: %v, warnings %v", err, got.Warnings)
			}
			if diff := cmp.Diff(tc.lenient, any(got.Processes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestColumnsCountCharacters(t *testing.T) {
	t.Parallel()
	_, err := procfile.Parse([]byte("a: ü\nb: ü\xff\n"), false)
	if want := `reading "Procfile": line 2: column 5: byte 0xff is not UTF-8`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEffective(t *testing.T) {
	t.Parallel()
	file := processes{{"worker", "w"}, {"web", "mine"}}
	defaults := processes{{"web", "theirs"}, {"rake", "r1"}, {"console", "c"}, {"rake", "r2"}}
	want := processes{{"worker", "w"}, {"web", "mine"}, {"rake", "r2"}, {"console", "c"}}
	if diff := cmp.Diff(want, procfile.Effective(file, defaults)); diff != "" {
		t.Error(diff)
	}
	if got := procfile.Effective(nil, nil); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

// FuzzParse holds that what is accepted obeys the grammar, that Format and Parse are inverse, and that lenient
// mode reads the same as strict mode where strict mode accepts.
func FuzzParse(f *testing.F) {
	for _, row := range differential {
		if len(row.in) < 1<<10 { // long seeds slow the search
			f.Add([]byte(row.in))
		}
	}
	f.Add([]byte("web: \r\ra\rb\r\r\n\ufeff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		strict, strictErr := procfile.Parse(data, false)
		lenient, err := procfile.Parse(data, true)
		if strictErr == nil && (err != nil || !cmp.Equal(strict.Processes, lenient.Processes)) {
			t.Fatalf("strictly %v, leniently %v, %v", strict.Processes, lenient.Processes, err)
		}
		if err != nil {
			return
		}
		for _, p := range lenient.Processes {
			if procfile.CheckType(p.Type) != nil || p.Command == "" || strings.ContainsAny(p.Command, "\n\x00") {
				t.Fatalf("accepted %q", p)
			}
		}
		if len(lenient.Processes) == 0 {
			return
		}
		again, err := procfile.Parse(procfile.Format(lenient.Processes), strictErr != nil)
		if err != nil || !cmp.Equal(lenient.Processes, again.Processes) {
			t.Fatalf("%q read back as %q, %v", lenient.Processes, again.Processes, err)
		}
	})
}

// FuzzLint holds that Lint takes any bytes, and that its warnings are sorted by line.
func FuzzLint(f *testing.F) {
	for _, row := range differential {
		if len(row.in) < 1<<10 {
			f.Add([]byte(row.in))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		warnings := procfile.Lint(data)
		if !slices.IsSortedFunc(warnings, func(a, b procfile.Warning) int { return a.Line - b.Line }) {
			t.Errorf("%q: %v", data, warnings)
		}
	})
}

func faultID(err error) string { return fault.Of(err).ID }

func ExampleParse() {
	file, err := procfile.Parse([]byte("web: bin/server -p $PORT\nworker: bin/work # forever\n"), false)
	if err != nil {
		fmt.Println(err)
	}
	for _, p := range file.Processes {
		fmt.Printf("%s = %s\n", p.Type, p.Command)
	}
	for _, w := range file.Warnings {
		fmt.Printf("line %d: %s\n", w.Line, w.Text)
	}
	// Output:
	// web = bin/server -p $PORT
	// worker = bin/work # forever
	// line 2: Dokku takes "# forever" for a comment; here it belongs to the command.
}
