package export_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"slugc/compiler/fault"
	"slugc/compiler/launch/export"
	"slugc/compiler/procfile"
)

// FuzzExport holds that any command and value is read back from the files, or refused with a reason.
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

// TestRandom is the same for texts of what is special in some format.
func TestRandom(t *testing.T) {
	t.Parallel()
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
		switch byName := byPath(files); format {
		case "systemd":
			unit = byName["blog-web.1.service"]
			gotCommand = readSystemd(t, unit)
			gotValue = strings.TrimPrefix(readEnvFile(t, byName["blog.env"])[0], "SECRET=")
		case "launchd":
			unit = byName["blog-web-1.plist"]
			p := readPlist(t, unit)
			gotCommand, gotValue = p.Dict.Array[4], p.Dict.Dict.Strings[slices.Index(p.Dict.Dict.Keys, "SECRET")]
		case "runit":
			// The command is in a shell script, which other tests run.
			unit, gotCommand = byName["blog-web-1/run"], command
			gotValue, _, _ = strings.Cut(byName["blog-web-1/env/SECRET"], "\n")
		default:
			continue // both are in a shell script
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

func byPath(files []export.File) map[string]string {
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

// decoded decodes printf's octal escapes.
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
