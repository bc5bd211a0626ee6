package detect

import (
	"fmt"

	"slugc/detect/ignore"
)

// ignoreFiles can keep a manifest out of a build: the first on the build machine, the second by
// keeping it out of the commit.
var ignoreFiles = []string{".slugignore", ".gitignore"}

// ignoredBy names the line of .slugignore or .gitignore that ignores a path: "line 3 of .slugignore
// (*.json)"; "" if none does. It skips a file that exceeds the limits of package ignore: staging
// the source reports that.
func (s *scan) ignoredBy(name string) string {
	for _, file := range ignoreFiles {
		b, ok := s.readUpTo(file, ignore.MaxBytes+1)
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
