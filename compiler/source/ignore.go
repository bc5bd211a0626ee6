package source

import (
	"errors"
	"fmt"

	"slugc/compiler/fault"
	"slugc/detect/ignore"
)

// ignoreFile names the file with the ignore rules.
const ignoreFile = ".slugignore"

// parseIgnore reads a `.slugignore`.
func parseIgnore(content []byte) (ignore.Rules, error) {
	rules, err := ignore.Parse(content)
	if err == nil {
		return rules, nil
	}
	place := ignoreFile
	if limit, ok := errors.AsType[*ignore.LimitError](err); ok && limit.Line > 0 {
		place = fmt.Sprintf("%s:%d", ignoreFile, limit.Line)
	}
	return nil, fault.AppError("source/too-large", fmt.Errorf("reading %q: %w", ignoreFile, err)).At("%s", place)
}
