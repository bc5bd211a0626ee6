package source

import (
	"errors"
	"fmt"

	"slugc/compiler/fault"
	"slugc/detect/ignore"
)

// ignoreFile names the file with the ignore rules.
const ignoreFile = ".slugignore"

// errNotRegular is the error for a .slugignore or .gitmodules that is not a regular file. A link
// could lead anywhere.
func errNotRegular(name string) error {
	return fault.AppError("source/entry-refused", fmt.Errorf("reading %q: it is not a regular file", name),
		"make it a regular file, or remove it").At("%s", name)
}

// parseIgnore reads the content of a .slugignore.
func parseIgnore(content []byte) (ignore.Rules, error) {
	rules, err := ignore.Parse(content)
	if err != nil {
		return nil, errIgnore(err)
	}
	return rules, nil
}

// errIgnore is the fault of a .slugignore that is too large, or costs too much.
func errIgnore(err error) error {
	place := ignoreFile
	if limit, ok := errors.AsType[*ignore.LimitError](err); ok && limit.Line > 0 {
		place = fmt.Sprintf("%s:%d", ignoreFile, limit.Line)
	}
	return fault.AppError("source/too-large", fmt.Errorf("reading %q: %w", ignoreFile, err),
		"write fewer and shorter patterns: one for a directory rather than one for each file").At("%s", place)
}
