package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"slugc/cache/disk"
)

// The format of a manifest's file: a line that names it, the SHA-256 of the rest, and the lists of files
// and inputs, each with its length. A file is mode, inode, size, times and
// digest, little-endian, its path and a NUL. Reading the five thousand files of a Node.js must take a
// millisecond.
const (
	magic     = "slugc manifest 1\n"
	statSize  = 4 + 8 + 3*8
	entrySize = statSize + sha256.Size
)

var errDamaged = errors.New("it is damaged")

// Write replaces the file name with the manifest ([disk.WriteFile]).
func (m *Manifest) Write(name string) error { return disk.WriteFile(name, m.Encode(), 0o644) }

// Encode returns what [Manifest.Write] writes.
func (m *Manifest) Encode() []byte {
	var body []byte
	for _, list := range [][]file{m.files, m.inputs} {
		body = binary.LittleEndian.AppendUint64(body, uint64(len(list)))
		for _, f := range list {
			body = appendFile(body, f)
		}
	}
	sum := sha256.Sum256(body)
	return slices.Concat([]byte(magic), sum[:], body)
}

// appendFile appends a file in the form of the format.
func appendFile(b []byte, f file) []byte {
	b = binary.LittleEndian.AppendUint32(b, f.stat.Mode)
	for _, n := range []uint64{f.stat.Ino, uint64(f.stat.Size), uint64(f.stat.Mtime), uint64(f.stat.Ctime)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = append(append(b, f.sum[:]...), f.path...)
	return append(b, 0)
}

// Read reads a manifest's file. A missing one is [io/fs.ErrNotExist].
func Read(name string) (*Manifest, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	body, ok := bytes.CutPrefix(content, []byte(magic))
	if !ok || len(body) < sha256.Size || sha256.Sum256(body[sha256.Size:]) != [sha256.Size]byte(body) {
		return nil, fmt.Errorf("reading %q: %w", name, errDamaged)
	}
	m, body := &Manifest{}, body[sha256.Size:]
	for _, list := range []*[]file{&m.files, &m.inputs} {
		if *list, body, ok = readFiles(body); !ok {
			return nil, fmt.Errorf("reading %q: %w", name, errDamaged)
		}
	}
	if len(m.files) == 0 || m.files[0].path != "" {
		return nil, fmt.Errorf("reading %q: %w", name, errDamaged)
	}
	return m, nil
}

// readFiles reads a list of files and returns what follows it.
func readFiles(b []byte) (files []file, rest []byte, ok bool) {
	if len(b) < 8 {
		return nil, nil, false
	}
	n := binary.LittleEndian.Uint64(b)
	if b = b[8:]; n > uint64(len(b)/entrySize) {
		return nil, nil, false
	}
	files = make([]file, n)
	for i := range files {
		if len(b) < entrySize {
			return nil, nil, false
		}
		path, rest, ok := bytes.Cut(b[entrySize:], []byte{0})
		if !ok {
			return nil, nil, false
		}
		little := binary.LittleEndian
		files[i] = file{
			path: string(path),
			stat: stat{
				Mode: little.Uint32(b), Ino: little.Uint64(b[4:]), Size: int64(little.Uint64(b[12:])),
				Mtime: int64(little.Uint64(b[20:])), Ctime: int64(little.Uint64(b[28:])),
			},
			sum: [sha256.Size]byte(b[statSize:]),
		}
		b = rest
	}
	return files, b, true
}
