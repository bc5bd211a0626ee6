package source

import (
	"context"
	"os"

	"slugc/cache/unpack"
)

// maxUnpacked bounds an unpacked toolchain, in bytes.
const maxUnpacked = 2 << 30

// Unpack unpacks a verified archive into a directory, which is made where it is missing, without
// the first strip parts of its paths. The format is read from the content.
func Unpack(ctx context.Context, file, dir string, strip int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	_, err := unpack.File(ctx, file, dir, unpack.Options{Strip: strip, Limits: unpack.Limits{Bytes: maxUnpacked}})
	return err
}
