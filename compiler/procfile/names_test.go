package procfile_test

import (
	"slices"
	"testing"

	"slugc/compiler/procfile"
)

// TestMisnamed finds what was meant to be a Procfile, and leaves other tools' files alone.
func TestMisnamed(t *testing.T) {
	t.Parallel()
	meant := []string{
		"procfile", "PROCFILE", "ProcFile", "Procfile.txt", "procfile.yml", "Procfile.YAML", "Procfile.rtf",
		"Procfile ", " procfile", "Procfile.", ".procfile", "Procfile .txt", "procfile.md",
	}
	others := []string{
		"Procfile", "Procfile.dev", "Procfile.local", "Procfile.txt.erb", "Profile", "procfiles", "a procfile",
	}
	if got := procfile.Misnamed(slices.Concat(meant, others)); !slices.Equal(got, meant) {
		t.Errorf("got %q", got)
	}
}
