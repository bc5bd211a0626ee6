package descriptor

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"slugc/detect"
)

// How deep tables and lists may nest, and the bytes of a path: a value's name with those of all it is in. What
// people write has a tenth of that. Without these limits a small file could cost a lot of memory.
const (
	maxDepth = 64
	maxPath  = 512
)

// document is a parsed file: strings, numbers, booleans, lists and maps of them, and where each of them is.
type document struct {
	file  string
	root  map[string]any
	lines map[string]int // by path: "io.buildpacks.group[1].uri"
}

// key returns the path of a key below a path.
func key(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// element returns the path of a list's element.
func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// place says where a path is: the line of it, or of what it is in.
func (d *document) place(path string) string {
	for path != "" {
		if line := d.lines[path]; line > 0 {
			return at(d.file, line)
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return d.file
}

// at is a line of a file: "project.toml:3".
func at(file string, line int) string { return file + ":" + strconv.Itoa(line) }

// invalid is the error of a value that is not what it should be.
func (d *document) invalid(path, problem string, hints ...string) *detect.Error {
	if len(hints) == 0 {
		hints = []string{"change it in " + d.place(path)}
	}
	return problemAt(d.place(path), fmt.Sprintf("%s: %s %s", d.file, path, problem), hints...)
}

// problemAt is an error at a place of a file that slugc reads.
func problemAt(place, summary string, hints ...string) *detect.Error {
	return (&detect.Error{ID: "descriptor/invalid", Summary: summary, Place: place, Hints: hints}).Cleaned()
}

// tooDeep is the error of a file that exceeds maxDepth or maxPath.
func tooDeep(file string, line int) error {
	return problemAt(at(file, line), fmt.Sprintf("%s nests more than %d deep, or has names of more than %d bytes",
		file, maxDepth, maxPath), "write the settings as the README shows them")
}

// checkText requires a file to be UTF-8 without NUL.
func checkText(file, text string) error {
	for i, r := range text {
		if _, size := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 || r == 0 {
			return problemAt(at(file, 1+strings.Count(text[:i], "\n")),
				fmt.Sprintf("%s is not UTF-8 text: byte %d is 0x%02x", file, i+1, text[i]), "save the file as UTF-8")
		}
	}
	return nil
}

// values returns a list's elements.
func values(from any) (list []any, ok bool) {
	switch from := from.(type) {
	case []any:
		return from, true
	case []map[string]any: // an array of tables in TOML
		for _, table := range from {
			list = append(list, table)
		}
		return list, true
	}
	return nil, false
}
