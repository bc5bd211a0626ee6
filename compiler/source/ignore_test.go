package source

import (
	"strings"
	"testing"

	"slugc/compiler/fault"
	"slugc/detect/ignore"
)

func TestIgnoreTooLong(t *testing.T) {
	t.Parallel()
	for place, content := range map[string]string{
		".slugignore":   strings.Repeat("a\n", ignore.MaxBytes),
		".slugignore:2": "a\n" + strings.Repeat("*", ignore.MaxLine+1),
	} {
		_, err := parseIgnore([]byte(content))
		if f := fault.Of(err); f == nil || f.ID != "source/too-large" || f.Place != place ||
			!strings.Contains(err.Error(), ".slugignore") {
			t.Errorf("a .slugignore above the limits: %+v", f)
		}
	}
}
