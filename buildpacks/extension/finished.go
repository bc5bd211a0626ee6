package extension

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/cache/beneath"
)

// FinishedEnv is the variable of a buildpack's process that names the file in which it says which layers
// it has finished ([Finish]).
const FinishedEnv = "SLUGC_FINISHED_LAYERS"

// maxFinished is the maximum size in bytes of the file that [Finished] reads.
const maxFinished = 64 << 10

// Finish says in the file that a layer is finished: its files are complete, its ‹layer›.toml is written, and
// a build that fails later keeps both.
func Finish(file, layer string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err == nil {
		_, err = f.WriteString(layer + "\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("noting that layer %q is finished: %w", layer, err)
	}
	return nil
}

// Finished returns the layers that the file names. The file is untrusted. One that is missing, no regular
// file or too large names none.
func Finished(file string) []string {
	dir, err := beneath.Open(filepath.Dir(file))
	if err != nil {
		return nil
	}
	defer dir.Close()
	text, err := dir.ReadFile(filepath.Base(file), maxFinished)
	if err != nil {
		return nil
	}
	names := strings.Fields(string(text))
	slices.Sort(names)
	return slices.Compact(names)
}
