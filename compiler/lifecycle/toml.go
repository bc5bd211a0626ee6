package lifecycle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"
)

// maxFile is the most bytes of a file that a buildpack leaves: it is untrusted.
const maxFile = 4 << 20

// decodeFile reads a TOML file.
func decodeFile(file string, v any) error {
	info, err := os.Lstat(file)
	if err != nil {
		return fmt.Errorf("reading %q: %w", filepath.Base(file), err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return fmt.Errorf("reading %q: not a regular file of at most %d bytes", filepath.Base(file), maxFile)
	}
	if _, err := toml.DecodeFile(file, v); err != nil {
		return fmt.Errorf("reading %q: %w", filepath.Base(file), err)
	}
	return nil
}

// decodeOptional reads a TOML file. If the file is missing, v does not change.
func decodeOptional(file string, v any) error {
	if err := decodeFile(file, v); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// writeTOML replaces a file. It removes the old one first: a buildpack may have put a link there.
func writeTOML(file string, v any) error {
	if err := removeFile(file); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("writing %q: %w", filepath.Base(file), err)
	}
	if err := errors.Join(toml.NewEncoder(f).Encode(v), f.Close()); err != nil {
		return fmt.Errorf("writing %q: %w", filepath.Base(file), err)
	}
	return nil
}

// removeFile removes a file. A missing one is no error.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %q: %w", path, err)
	}
	return nil
}
