package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// SyncFileSystem makes durable, with one call, all files of the file system that dir is on (syncfs(2)).
func SyncFileSystem(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}
