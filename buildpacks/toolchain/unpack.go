package toolchain

import (
	"context"
	"os"

	"slugc/cache/unpack"
)

// unpackFile unpacks a verified archive into a directory, without the first strip parts of its
// paths.
func unpackFile(ctx context.Context, file, dir string, strip int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	_, err := unpack.File(ctx, file, dir, unpack.Options{Strip: strip, Limits: unpack.Limits{Bytes: 2 << 30}})
	return err
}
