package slug

import (
	"fmt"
	"os"

	"slugc/cache/disk"
)

// Inspect returns a slug's slug.json. It reads only the end of the file and checks only that,
// against its own checksum. A file that is no slug is a fault "slug/damaged".
func Inspect(path string) (*Manifest, error) {
	f, t, _, err := openSlug(path)
	if err != nil {
		return nil, err
	}
	f.Close()
	return &t.manifest, nil
}

// openSlug opens a slug and reads its tail.
func openSlug(path string) (*os.File, *tail, int64, error) {
	f, err := disk.OpenRegular(path)
	if err != nil {
		return nil, nil, 0, errOpening(path, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, 0, fmt.Errorf("examining slug %q: %w", path, err)
	}
	t, err := readTail(f, info.Size())
	if err != nil {
		f.Close()
		return nil, nil, 0, errDamaged(path, err)
	}
	return f, t, info.Size(), nil
}
