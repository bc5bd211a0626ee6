package source

import (
	"fmt"
	"path/filepath"
	"strings"

	"slugc/cache/disk"
)

// warn returns warnings for files in the staged tree at root that look as if they should not be
// there: all of them, by name. It reads names and small files of a few kinds only.
func warn(root string, entries []entry) ([]string, error) {
	var found []string
	for _, e := range entries {
		if e.target != "" {
			continue
		}
		secret := secretName(e.path)
		if !secret && secretCandidate(e.path, e.size) {
			content, err := disk.ReadRegular(filepath.Join(root, filepath.FromSlash(e.path)), maxCandidate)
			if err != nil {
				return nil, fmt.Errorf("looking for secrets: %w", err)
			}
			secret = holdsSecret(e.path, content)
		}
		if secret {
			found = append(found, e.path)
		}
	}
	return append(warnPointers(entries), warnSecrets(found)...), nil
}

// namesPerLine is how many files a line of the warning names.
const namesPerLine = 5

// warnSecrets names all files, several a line.
func warnSecrets(found []string) []string {
	if len(found) == 0 {
		return nil
	}
	verb, it := "is", "it"
	if len(found) > 1 {
		verb, it = "are", "them"
	}
	var lines []string
	for len(found) > namesPerLine {
		lines = append(lines, listed(found[:namesPerLine])+",")
		found = found[namesPerLine:]
	}
	lines = append(lines, fmt.Sprintf(
		"%s %s in the source and will be in the slug; add %s to .slugignore.", listed(found), verb, it))
	return []string{strings.Join(lines, "\n")}
}
