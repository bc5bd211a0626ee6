package procfile_test

import (
	"bufio"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"slugc/compiler/procfile"
)

// readers has the rule of each other tool, as short as possible. The test compares commands without blanks
// at the ends.
var readers = map[string]func(string) (processes, error){
	"foreman": func(text string) (processes, error) {
		lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
		return matching(`^([A-Za-z0-9_-]+):\s*(.+)$`, lines, `(?s)`), nil
	},
	"overmind": func(text string) (processes, error) {
		return matching(`^([\w-]+):\s+(.+)$`, dropCR(strings.Split(text, "\n")), ""), nil
	},
	"honcho": func(text string) (processes, error) { // str.splitlines
		lines := regexp.MustCompile("\r\n|[\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029]").Split(text, -1)
		return matching(`^([A-Za-z0-9_-]+):\s*(.+)$`, lines, ""), nil
	},
	"Heroku": func(text string) (processes, error) {
		pattern := `^[[:space:]]*([a-zA-Z0-9_-]+):?\s+(.*)[[:space:]]*`
		return matching(pattern, strings.Split(text, "\n"), `(?s)`), nil
	},
	"herokuish": func(text string) (read processes, _ error) {
		for _, line := range dropCR(strings.Split(text, "\n")) {
			line = strings.Trim(line, " \t")
			key, command, ok := strings.Cut(line, ":")
			if !ok || strings.HasPrefix(line, "#") ||
				slices.ContainsFunc(read, func(p procfile.Process) bool { return p.Type == key }) {
				continue
			}
			read = append(read, procfile.Process{Type: key, Command: strings.Trim(command, " \t")})
		}
		return read, nil
	},
	"Dokku": func(text string) (processes, error) { // procfile-util
		var lines []string
		for s := bufio.NewScanner(strings.NewReader(text)); ; {
			if !s.Scan() {
				if s.Err() != nil {
					return nil, s.Err()
				}
				break
			}
			line := strings.TrimSpace(s.Text())
			if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//") {
				continue
			}
			lines = append(lines, regexp.MustCompile(`\s+(#|//).*$`).ReplaceAllString(line, ""))
		}
		read := matching(`^([A-Za-z0-9_-]{1,63}):\s*(.+)$`, lines, "")
		return read, complete(read, lines)
	},
	"CNB": func(text string) (processes, error) { // heroku/buildpacks-procfile
		var lines []string
		for _, line := range dropCR(strings.Split(text, "\n")) {
			if line = strings.TrimLeft(line, " \t"); line != "" && line[0] != '#' {
				lines = append(lines, line)
			}
		}
		read := matching(`^([A-Za-z0-9_-]+):\s*(.+)$`, lines, "")
		for i, p := range read {
			read[i].Type = strings.ReplaceAll(strings.ToLower(p.Type), "_", "-")
			if !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`).MatchString(read[i].Type) {
				return nil, errors.New("bad type")
			}
		}
		return read, complete(read, lines)
	},
}

// matching keeps the lines that match and ignores the others.
func matching(pattern string, lines []string, flags string) (read processes) {
	re := regexp.MustCompile(flags + pattern)
	for _, line := range lines {
		if m := re.FindStringSubmatch(line); m != nil {
			read = append(read, procfile.Process{Type: m[1], Command: strings.Trim(m[2], " \t")})
		}
	}
	return read
}

func complete(read processes, lines []string) error {
	if len(read) != len(lines) {
		return errors.New("a line does not match")
	}
	return nil
}

func dropCR(lines []string) []string {
	out := slices.Clone(lines)
	for i := range out {
		out[i] = strings.TrimSuffix(out[i], "\r")
	}
	return out
}

// differential is the matrix of Procfile readers. If Parse refuses, refused is the id. Otherwise Lint must
// name exactly the tools that read something else.
var differential = []struct{ name, in, refused string }{
	{"plain", "web: run -p $PORT\nworker: w\n", ""},
	{"no space", "web:run\nworker: w\n", ""},
	{"tab after colon", "web:\trun\n", ""},
	{"leading spaces", "  web: run\nworker: w\n", ""},
	{"leading tab", "\tweb: run\n", ""},
	{"space before colon", "web : run\n", "unparsable-line"},
	{"no colon", "web run\n", "unparsable-line"},
	{"trailing hash", "web: run # note\n", ""},
	{"hash without blank", "web: run#note\n", ""},
	{"trailing slashes", "web: curl http://x //y\n", ""},
	{"url only", "web: curl http://x/y\n", ""},
	{"command is a comment", "web: #x\n", ""},
	{"CRLF", "web: run\r\nworker: w\r\n", ""},
	{"lone trailing CR", "web: run\r", ""},
	{"CR only", "web: run\rworker: w\r", ""},
	{"byte order mark", "\ufeffweb: run\nworker: w\n", ""},
	{"duplicate", "web: a\nweb: b\n", "duplicate-type"},
	{"empty", "web:\n", "empty-command"},
	{"continuation", "web: a \\\n  b\n", "trailing-backslash"},
	{"continuation with colon", "web: a \\\n  b: c\n", "trailing-backslash"},
	{"dot in name", "web.1: run\n", "unparsable-line"},
	{"slash in name", "w/x: run\n", "unparsable-line"},
	{"underscore", "my_worker: run\n", ""},
	{"capital", "Web: run\n", ""},
	{"hyphen at the end", "web-: run\n", ""},
	{"hyphen inside", "web-1: run\n", ""},
	{"vertical tab", "web: a\vb\n", ""},
	{"line separator", "web: a\u2028b\n", ""},
	{"next line", "web: a\u0085worker: b\n", ""},
	{"NUL", "web: a\x00b\n", "nul"},
	{"trailing spaces", "web: run   \n", ""},
	{"line just short enough", "web: " + strings.Repeat("x", 65530) + "\n", ""},
	{"line of 64 KiB", "web: " + strings.Repeat("x", 65531) + "\n", ""},
	{"line of 130 KiB", "web: " + strings.Repeat("x", 130<<10) + "\n", ""},
	{"name of 63", strings.Repeat("n", 63) + ": run\n", ""},
	{"name of 64", strings.Repeat("n", 64) + ": run\n", "name-too-long"},
	{"merge conflict", "<<<<<<< a\nweb: a\n=======\nweb: b\n>>>>>>> b\n", "merge-conflict"},
	{"no entries", "# nothing\n", "empty"},
	{"slash comment", "// web\nweb: run\n", "unparsable-line"},
	{"hash comment", "# web: a\nweb: run\n", ""},
	{"indented comment", "  # web: a\nweb: run\n", ""},
	{"blank lines", "\n\nweb: run\n\n \t\n", ""},
	{"two colons", "web:: run\n", ""},
	{"bogus line", "[\n", "unparsable-line"},
	{"several at once", " My_web:run # x\nworker: w\n", ""},
}

func TestDifferential(t *testing.T) {
	t.Parallel()
	for _, row := range differential {
		t.Run(row.name, func(t *testing.T) {
			ours, err := procfile.Parse([]byte(row.in), false)
			if row.refused != "" {
				if err == nil || faultID(err) != "procfile/"+row.refused {
					t.Errorf("got %v, want %s", err, row.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var warnings strings.Builder
			for _, w := range ours.Warnings {
				warnings.WriteString(w.Text + "\n")
			}
			for tool, read := range readers {
				theirs, err := read(row.in)
				differs := err != nil || !slices.Equal(ours.Processes, theirs)
				named := regexp.MustCompile(`\b` + tool + `\b`).MatchString(warnings.String())
				if differs != named {
					t.Errorf("%s reads %.200q, %v: differs %v, named %v by %q",
						tool, theirs, err, differs, named, warnings.String())
				}
			}
		})
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	got := procfile.Lint([]byte("web: run\nno entry\n# a:b\nweb:run\nw: \u00a0x\n" +
		"x: " + strings.Repeat("x", 128<<10) + "\n"))
	want := []procfile.Warning{
		{Line: 4, Text: "No space follows the colon: overmind and Heroku ignore this line."},
		{Line: 5, Text: "The command starts or ends with U+00A0, which can't be seen and is no blank to bash."},
		{Line: 6, Text: "The command has 128 KiB or more: Linux can't start it, and Dokku refuses the file."},
	}
	if !slices.Equal(want, got) {
		t.Errorf("got %v, want %v", got, want)
	}
}
