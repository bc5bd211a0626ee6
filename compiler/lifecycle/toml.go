package lifecycle

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/BurntSushi/toml"

	"slugc/cache/beneath"
)

// maxFile is the most bytes of a file that a buildpack leaves: it is untrusted.
const maxFile = 4 << 20

// decodeFile reads a TOML file.
func decodeFile(dir *beneath.Dir, name string, v any) error {
	data, err := dir.ReadFile(name, maxFile)
	if err != nil {
		return fmt.Errorf("reading %q: %w", name, beneath.Reason(err))
	}
	if err := toml.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	return nil
}

// decodeOptional reads a TOML file. If the file is missing, v does not change.
func decodeOptional(dir *beneath.Dir, name string, v any) error {
	if err := decodeFile(dir, name, v); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// writeTOML replaces a file.
func writeTOML(dir *beneath.Dir, name string, v any) error {
	data, err := toml.Marshal(v)
	if err == nil {
		err = dir.WriteFile(name, data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return nil
}
