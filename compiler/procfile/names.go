package procfile

import (
	"slices"
	"strings"
)

// Name is the file's only name: every runner of Procfiles knows this one.
const Name = "Procfile"

// MaxInstances is the most instances of one process type, wherever a number of them is said.
const MaxInstances = 1000

// endings are what an editor or an operating system adds to the name. `Procfile.dev` and its like are files
// for other tools.
var endings = []string{"", "bak", "conf", "doc", "docx", "json", "md", "rtf",
	"sh", "text", "toml", "txt", "yaml", "yml"}

// Misnamed returns those of the names that were meant to be [Name]: in other letters, with blanks or a dot
// around it, or with the ending of a text file.
func Misnamed(names []string) (list []string) {
	for _, name := range names {
		stem, ending, _ := strings.Cut(strings.Trim(strings.ToLower(name), " \t."), ".")
		if name != Name && strings.TrimSpace(stem) == strings.ToLower(Name) &&
			slices.Contains(endings, strings.TrimSpace(ending)) {
			list = append(list, name)
		}
	}
	return list
}
