package descriptor

import (
	"fmt"
	"strings"
	"unicode"
)

// list reads .buildpacks: one reference a line. Lines that begin with # are comments, and so is what follows a # after
// a blank; in URL#REV it is part of the reference.
func (r *reader) list() error {
	data, ok, err := r.file(BuildpacksFile)
	if err != nil || !ok {
		return err
	}
	text := string(data)
	if err := checkText(BuildpacksFile, text); err != nil {
		return err
	}
	var list []Use
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
	for i, line := range lines {
		ref := withoutComment(line)
		if ref == "" {
			continue
		}
		place := at(BuildpacksFile, i+1)
		if strings.ContainsFunc(ref, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }) {
			return problemAt(place, fmt.Sprintf("%s has a line that is not one reference: %q", BuildpacksFile, ref),
				"write one reference a line")
		}
		list = append(list, Use{Ref: ref, Place: place})
	}
	if len(list) > maxElements {
		return problemAt(BuildpacksFile, fmt.Sprintf("%s has %d references; %d are allowed", BuildpacksFile, len(list),
			maxElements), "list fewer buildpacks")
	}
	r.choose(BuildpacksFile, list)
	return nil
}

// withoutComment returns a line without its comment and the blanks around.
func withoutComment(line string) string {
	for i, c := range line {
		if c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	return strings.TrimSpace(line)
}
