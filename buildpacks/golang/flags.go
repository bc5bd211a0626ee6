package golang

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
)

// heroku is the build tag that says where a binary will run, as Heroku's buildpack sets it.
const heroku = "heroku"

// goFlags returns GOFLAGS: our defaults, then these, then the user's, which come later and so win.
// -tags and -ldflags are left out: the go command takes only the last, and ours must be joined with
// the user's ([work.tagsAndLinker]). So is what the build's Go does not know.
func (b *work) goFlags(own ...string) string {
	release := b.goTool.Version
	flags := slices.Concat(reproducible(release), known(release, "-modcacherw"), own)
	for _, f := range known(release, splitFlags(b.flags)...) {
		if name := flagName(f); name != "tags" && name != "ldflags" {
			flags = append(flags, quoteFlag(f))
		}
	}
	return strings.Join(flags, " ")
}

// tagsAndLinker returns -tags and -ldflags: "heroku" and the user's tags; the user's linker flags
// and GO_LINKER_SYMBOL=GO_LINKER_VALUE (SOURCE_VERSION where there is no value; with neither, the
// symbol keeps its own).
func (b *work) tagsAndLinker(userFlags string) ([]string, error) {
	tags, linker := []string{heroku}, []string{}
	for _, f := range splitFlags(userFlags) {
		_, value, _ := strings.Cut(f, "=")
		switch flagName(f) {
		case "tags":
			tags = append([]string{heroku}, strings.Fields(strings.ReplaceAll(value, ",", " "))...)
		case "ldflags":
			linker = []string{value}
		}
	}
	value, valued := b.env.user["GO_LINKER_VALUE"]
	if !valued {
		value = b.env.user["SOURCE_VERSION"]
	}
	if symbol := b.env.user["GO_LINKER_SYMBOL"]; symbol != "" && (valued || value != "") {
		set, ok := quoteWord(symbol + "=" + value)
		if !ok {
			return nil, &diagnosis.Diagnosis{
				ID:      "go/linker-value-invalid",
				Summary: "GO_LINKER_VALUE has both kinds of quotes, which the linker's flags can't express.",
				Hints:   []string{"use single or double quotes in GO_LINKER_VALUE, not both"},
			}
		}
		linker = append(linker, "-X "+set)
	}
	flags := []string{"-tags=" + joinTags(b.goTool.Version, tags)}
	if len(linker) > 0 {
		flags = append(flags, "-ldflags="+strings.Join(linker, " "))
	}
	return flags, nil
}

// vendored reports whether the vendor directory is used. A workspace uses it only where `go work
// vendor` made it.
func (b *work) vendored() bool {
	if !b.app.Vendored || !b.app.Workspace && b.app.Around == "" {
		return b.app.Vendored
	}
	f, err := os.Open(filepath.Join(b.Dir, filepath.Dir(b.app.Around), "vendor", "modules.txt"))
	if err != nil {
		return false
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	return err == nil && strings.HasPrefix(line, "## workspace")
}

// splitFlags splits GOFLAGS as the go command does: at spaces, except within quotes that start a
// word.
func splitFlags(s string) []string {
	var words []string
	for s = strings.TrimLeft(s, " \t\r\n"); s != ""; s = strings.TrimLeft(s, " \t\r\n") {
		if quote := s[0]; quote == '\'' || quote == '"' {
			if word, rest, ok := strings.Cut(s[1:], string(quote)); ok {
				words, s = append(words, word), rest
				continue
			}
		}
		end := strings.IndexAny(s, " \t\r\n")
		if end < 0 {
			end = len(s)
		}
		words, s = append(words, s[:end]), s[end:]
	}
	return words
}

// flagName returns the name of "-name=value" or "--name".
func flagName(flag string) string {
	name, _, _ := strings.Cut(flag, "=")
	return strings.TrimPrefix(strings.TrimPrefix(name, "-"), "-")
}

// quoteFlag is the opposite of [splitFlags] for one word, which must not have both kinds of quotes.
func quoteFlag(word string) string {
	quoted, _ := quoteWord(word)
	return quoted
}

// quoteWord quotes a word that has blanks or quotes. It returns false where it can't be quoted.
func quoteWord(word string) (string, bool) {
	switch {
	case !strings.ContainsAny(word, " \t\r\n'\""):
		return word, true
	case !strings.Contains(word, "'"):
		return "'" + word + "'", true
	case !strings.Contains(word, `"`):
		return `"` + word + `"`, true
	}
	return fmt.Sprintf("'%s'", word), false
}

// firstWord returns the first word of flags, "" where there is none.
func firstWord(s string) string {
	if words := splitFlags(s); len(words) > 0 {
		return words[0]
	}
	return ""
}
