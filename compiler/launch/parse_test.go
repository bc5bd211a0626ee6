package launch_test

import (
	stdcmp "cmp"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/procfile"
)

func TestParseFormation(t *testing.T) {
	t.Parallel()
	types := processes("web", "w", "worker", "w", "release", "r")
	for spec, want := range map[string]map[string]int{
		"all=1":           {"web": 1, "worker": 1},
		"all=1,web=2":     {"web": 2, "worker": 1},
		"web=2, all=0":    {"web": 2, "worker": 0},
		"worker=3":        {"web": 0, "worker": 3},
		"web=0,worker=02": {"web": 0, "worker": 2},
	} {
		got, err := launch.ParseFormation(spec, types)
		if err != nil {
			t.Errorf("%q: %v", spec, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", spec, diff)
		}
	}
	for _, spec := range []string{
		"", "web", "web=", "=1", "web=-1", "web=1.5", "web=x", "web=1001", "db=1", "web=1,web=2", "release=1",
		"web=1,,", "web=99999999999999999999",
	} {
		_, err := launch.ParseFormation(spec, types)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Owner != fault.Usage {
			t.Errorf("%q: %v, want a usage error", spec, err)
		}
	}
}

func TestParseEnv(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file string
		want []string
	}{
		"plain":         {"A=1\nB=two words\n", []string{"A=1", "B=two words"}},
		"empty value":   {"A=\nB=''\nC=\"\"", []string{"A=", "B=", "C="}},
		"single quotes": {`A='a\n$B "c"'`, []string{`A=a\n$B "c"`}},
		"double quotes": {`A="a\nb\\c\"d\$e"`, []string{"A=a\nb\\c\"d$e"}},
		"literal":       {`A=a\nb $HOME ${X} # no comment 'x'`, []string{`A=a\nb $HOME ${X} # no comment 'x'`}},
		"comments":      {"# A=1\n\n  # x\n \t\nB=#1", []string{"B=#1"}},
		"export":        {"export A=1\n  export\tB='2'\nexportC=3", []string{"A=1", "B=2", "exportC=3"}},
		"BOM and CRLF":  {"\xef\xbb\xbfA=1\r\nB='2'\r\n", []string{"A=1", "B=2"}},
		"equals signs":  {"URL=postgres://u:p@h/d?a=b", []string{"URL=postgres://u:p@h/d?a=b"}},
		"a digit first": {"1A=x", []string{"1A=x"}},
		"twice":         {"A=1\nA=2", []string{"A=1", "A=2"}},
		"nothing":       {"", nil},
		"blanks":        {"A = b\n\tB= c\t\nC =d", []string{"A=b", "B=c", "C=d"}},
		"several lines": {
			"KEY='-----BEGIN\nabc # x\n\n-----END'\r\nB=\"1\r\n\\\"2\\\"\\r\n\" # c\nC=3",
			[]string{"KEY=-----BEGIN\nabc # x\n\n-----END", "B=1\n\"2\"\r\n", "C=3"},
		},
		"comment behind a quote": {
			"A=\"x\" # comment\nB='y'# \"it's\"\nC=\"\" #\nD='a # b' # c", []string{"A=x", "B=y", "C=", "D=a # b"},
		},
		"quotes in quotes": {
			"A='it's'\nB=\"say \"x\"\" # c\nC='C:\\dir\\'\nD='it\\'s'\nE=it's\nF='{\n\"a\": \"b\"\n}'",
			[]string{"A=it's", `B=say "x"`, `C=C:\dir\`, `D=it\'s`, "E=it's", "F={\n\"a\": \"b\"\n}"},
		},
	}
	for name, test := range tests {
		got, err := launch.ParseEnv(strings.NewReader(test.file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	lines := map[string]string{"text behind lines": "3"}
	for name, file := range map[string]string{
		"no assignment":       "A=1\nsecret words",
		"two words before =":  "A=1\nsecret words=1",
		"text behind a quote": "A=1\nB='secret' secret\nC='x'",
		"text behind lines":   "A='\n'\nB='secret\nsecret' secret\nC='x'",
		"a dash":              "A=1\nA-secret=1",
		"an open quote":       "A=1\nB=\"secret",
		"a quote alone":       "A=1\nB='",
		"NUL":                 "A=1\nB=secret\x00",
		"too large":           "A=1\n" + strings.Repeat("secret", 1<<18),
	} {
		_, err := launch.ParseEnv(strings.NewReader(file))
		if err == nil || strings.Contains(err.Error(), "secret") ||
			(name != "too large" && !strings.Contains(err.Error(), "line "+stdcmp.Or(lines[name], "2"))) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParseFormation holds that what is accepted has a number from 0 to the most for every type.
func FuzzParseFormation(f *testing.F) {
	f.Add("all=1,web=2")
	f.Add(" worker=02 ,web=0")
	types := processes("web", "w", "worker", "w", "release", "r")
	f.Fuzz(func(t *testing.T, spec string) {
		counts, err := launch.ParseFormation(spec, types)
		if err != nil {
			return
		}
		for name, count := range counts {
			if (name != "web" && name != "worker") || count < 0 || count > procfile.MaxInstances || len(counts) != 2 {
				t.Errorf("%q is read as %v", spec, counts)
			}
		}
	})
}

// FuzzParseEnv holds that every entry has a name and no NUL, and that a quoted entry is read back.
func FuzzParseEnv(f *testing.F) {
	f.Add("A=1\nexport B='x'\n# c\nC=\"\\n\"")
	f.Fuzz(func(t *testing.T, file string) {
		env, err := launch.ParseEnv(strings.NewReader(file))
		if err != nil && env != nil {
			t.Error("both a result and an error")
		}
		for _, entry := range env {
			name, value, found := strings.Cut(entry, "=")
			if !found || name == "" || strings.ContainsRune(entry, 0) {
				t.Errorf("entry %q", entry)
			}
			quoted := name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
			again, err := launch.ParseEnv(strings.NewReader(quoted))
			if err != nil || len(again) != 1 || again[0] != entry {
				t.Errorf("%q, quoted, is read as %q, %v", entry, again, err)
			}
		}
	})
}
