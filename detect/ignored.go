package detect

import (
	"fmt"

	"slugc/detect/ignore"
)

// ignoreFiles can keep a manifest out of a build: the first on the builder, the second out of the
// commit.
var ignoreFiles = []string{".slugignore", ".gitignore"}

// ignoredBy says which line of .slugignore or .gitignore lists a path: "line 3 of .slugignore
// (*.json)"; "" where none does. A file with rules above the limits says nothing here: that a
// .slugignore is too long is found where the source is staged.
func (s *scan) ignoredBy(name string) string {
	for _, file := range ignoreFiles {
		b, ok := s.head(file, ignore.MaxBytes+1)
		if !ok {
			continue
		}
		rules, err := ignore.Parse(b)
		if err != nil {
			continue
		}
		if r, ok := rules.Why(name); ok {
			return fmt.Sprintf("line %d of %s (%s)", r.Line, file, r.Text)
		}
	}
	return ""
}
