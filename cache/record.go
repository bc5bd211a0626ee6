package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"slugc/cache/disk"
)

// recordFile holds the record.
const recordFile = "record.json"

// Record holds the inputs of the last successful build (Key) and its result (opaque here). A build
// with the same inputs returns that result without running anything.
type Record struct {
	Key    string            `json:"key"`
	Parts  map[string]string `json:"parts"` // what Key was made of, by name, to report what changed
	Slug   string            `json:"slug"`  // path of the slug file
	State  FileState         `json:"state"` // of the slug file, when it was known to be whole
	Result json.RawMessage   `json:"result"`
}

// FileState is what shows that a file has changed, without reading it: no program can set a change time.
type FileState struct {
	Inode    uint64 `json:"inode"`
	Size     int64  `json:"size"`     // bytes
	Modified int64  `json:"modified"` // Unix nanoseconds
	Changed  int64  `json:"changed"`  // Unix nanoseconds
}

// StateOf returns the state of a regular file of slugc's own.
func StateOf(path string) (FileState, error) {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "stat", Path: path, Err: disk.ErrNotRegular}
	}
	if err != nil {
		return FileState{}, err
	}
	s := FileState{Size: info.Size(), Modified: info.ModTime().UnixNano(), Changed: changeTime(info)}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Inode = sys.Ino
	}
	return s, nil
}

// maxRecord is the most bytes of a record.
const maxRecord = 64 << 20

// Record returns the app's record, nil if it is missing or damaged: the build then runs.
func (a *App) Record() *Record {
	data, err := disk.ReadRegular(a.Path(recordFile), maxRecord)
	if err != nil {
		return nil
	}
	var r Record
	if json.Unmarshal(data, &r) != nil {
		return nil
	}
	return &r
}

// SaveRecord replaces the record.
func (a *App) SaveRecord(r *Record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the build record: %w", err)
	}
	return disk.WriteFile(a.Path(recordFile), data, 0o600)
}

// DropRecord removes the record. A missing one is no error.
func (a *App) DropRecord() error {
	if err := os.Remove(a.Path(recordFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("dropping the build record: %w", err)
	}
	return nil
}
