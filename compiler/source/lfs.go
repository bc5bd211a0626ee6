package source

import (
	"bytes"
	"fmt"
	"strings"

	"slugc/compiler/fault"
	"slugc/detect/lazyregexp"
)

// lfsSize is more than a Git LFS pointer can have (Git LFS specification: "Pointer files MUST be
// less than 1024 bytes").
const lfsSize = 1024

// pointerStart starts every pointer. pointerForm matches a whole one: the keys in their order,
// including extensions.
var (
	pointerStart = []byte("version https://git-lfs.github.com/spec/v1")
	pointerForm  = lazyregexp.New(
		`^version \S+\r?\n(?:ext-\d-[A-Za-z0-9.-]+ \S+\r?\n)*oid sha256:[0-9a-f]{64}\r?\nsize \d+(?:\r?\n)?$`,
	)
)

// isPointer reports whether content is a Git LFS pointer, and not only a text about Git LFS.
func isPointer(content []byte) bool {
	return len(content) < lfsSize && bytes.HasPrefix(content, pointerStart) && pointerForm.Match(content)
}

// pointers returns the names of the entries that are Git LFS pointers.
func pointers(entries []entry) (names []string) {
	for _, e := range entries {
		if e.pointer {
			names = append(names, e.path)
		}
	}
	return names
}

// refusePointers refuses a git tree with Git LFS pointers: the files themselves are not in the
// repository. For a directory or a tarball there is only a warning (warnPointers), because its
// owner sees the files and may want them.
func refusePointers(entries []entry) error {
	names := pointers(entries)
	if len(names) == 0 {
		return nil
	}
	verb, it := "is", "it"
	if len(names) > 1 {
		verb, it = "are", "them"
	}
	return fault.AppError(
		"source/lfs-pointer",
		fmt.Errorf("reading source: %s %s kept in Git LFS, and the repository only points to %s",
			listed(names), verb, it),
		"commit the content itself: `git lfs migrate export --include=PATTERN` puts it into the commits "+
			"in place of the pointers",
		"or leave "+it+" out with .slugignore").At("%s", names[0])
}

func warnPointers(entries []entry) []string {
	names := pointers(entries)
	switch len(names) {
	case 0:
		return nil
	case 1:
		return []string{listed(names) +
			" is a Git LFS pointer, not the file itself; `git lfs pull` puts the content in its place."}
	}
	return []string{listed(names) +
		" are Git LFS pointers, not the files themselves; `git lfs pull` puts the content in their place."}
}

// listedAtMost is how many names a sentence lists at most.
const listedAtMost = 5

// listed returns the first few names, quoted, for a sentence.
func listed(names []string) string {
	rest := ""
	if n := len(names) - listedAtMost; n > 0 {
		names, rest = names[:listedAtMost], fmt.Sprintf(" and %d more", n)
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(quoted, ", ") + rest
}
