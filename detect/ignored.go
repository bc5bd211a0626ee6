package detect

import (
	"fmt"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
)

// ignoreFiles can keep a manifest out of a build: the first on the builder, the second out of the commit.
var ignoreFiles = []string{".slugignore", ".gitignore"}

// ignoredBy says which line of .slugignore or .gitignore lists a path: "line 3 of .slugignore (*.json)"; "" where none does.
// The last pattern that matches the path, or a directory above it, decides.
func (s *scan) ignoredBy(name string) string {
	for _, file := range ignoreFiles {
		b, ok := s.head(file, 256<<10)
		if !ok {
			continue
		}
		if line, text := ignoringLine(strings.Split(string(b), "\n"), name); line > 0 {
			return fmt.Sprintf("line %d of %s (%s)", line, file, text)
		}
	}
	return ""
}

func ignoringLine(lines []string, name string) (int, string) {
	parts := strings.Split(path.Clean(name), "/")
	found, text := 0, ""
	for i, line := range lines {
		line = strings.TrimRight(line, " \t\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern := gitignore.ParsePattern(line, nil)
		for n := 1; n <= len(parts); n++ {
			switch pattern.Match(parts[:n], n < len(parts)) {
			case gitignore.Exclude:
				found, text = i+1, line
			case gitignore.Include:
				if n == len(parts) {
					found = 0
				}
			}
		}
	}
	return found, text
}
