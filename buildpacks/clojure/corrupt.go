package clojure

import (
	"cmp"
	"fmt"
	"os"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// corrupted matches what tools.deps says of a file that does not have its published checksum. It takes the file
// all the same: its policy for checksums is Maven's default, to warn.
var corrupted = lazyregexp.New(`^Download corrupted: Checksum validation failed, expected \S+ but is `)

// refuseCorrupted is the error for downloads that do not have their checksum. It empties the local repository,
// or later builds would use them.
func (b *work) refuseCorrupted() error {
	if err := os.RemoveAll(b.jars); err != nil {
		return fmt.Errorf("removing damaged downloads: %w", err)
	}
	if err := os.MkdirAll(b.jars, 0o755); err != nil {
		return fmt.Errorf("removing damaged downloads: %w", err)
	}
	return &diagnosis.Diagnosis{
		ID: "clojure/checksum", Place: b.manifest(), Transient: true,
		Summary: fmt.Sprintf("A library from %s does not match its checksum.",
			cmp.Or(command.Hosts(b.mirror), "a repository of the app")),
		Hints: []string{
			"try again; the lines \"Download corrupted\" above are about the files named before them",
			"if it persists, the repository or a proxy serves something else than was published: " +
				"find out why before you trust it",
		},
	}
}
