package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"slugc/cache/disk"
)

// The format of a manifest's file: a line that names it, the CRC-32C of the rest, and the lists of files and
// inputs, each with its length and the number of bytes of all paths. A file is mode, inode, size, times and digest,
// little-endian, how much of the path before begins its path, the length of what follows, and that. Reading the
// five thousand files of a Node.js must take a millisecond, and the sixty thousand of an app's packages a few.
//
// Before, a file had its whole path and a NUL, and the checksum was a SHA-256. Such manifests are still read.
const (
	magic     = "slugc manifest 2\n"
	magicOld  = "slugc manifest 1\n"
	statSize  = 4 + 8 + 3*8
	entrySize = statSize + sha256.Size
	sumSize   = 4
	lengths   = 2 + 2 // of a path
	maxPath   = 1<<16 - 1
)

var (
	errDamaged = errors.New("it is damaged")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	little     = binary.LittleEndian
)

// Write replaces the file name with the manifest ([disk.WriteFile]).
func (m *Manifest) Write(name string) error { return disk.WriteFile(name, m.Encode(), 0o644) }

// Encode returns what [Manifest.Write] writes.
func (m *Manifest) Encode() []byte {
	b := append([]byte(magic), 0, 0, 0, 0)
	for _, list := range [][]file{m.files, m.inputs} {
		bytes := 0
		for _, f := range list {
			bytes += len(f.path)
		}
		b = little.AppendUint64(little.AppendUint64(b, uint64(len(list))), uint64(bytes))
		last := ""
		for _, f := range list {
			same := 0
			for same < min(len(last), len(f.path), maxPath) && last[same] == f.path[same] {
				same++
			}
			b = little.AppendUint16(appendStat(b, f), uint16(same))
			b = append(little.AppendUint16(b, uint16(len(f.path)-same)), f.path[same:]...)
			last = f.path
		}
	}
	little.PutUint32(b[len(magic):], crc32.Checksum(b[len(magic)+sumSize:], castagnoli))
	return b
}

// appendStat appends all of a file but its path.
func appendStat(b []byte, f file) []byte {
	b = little.AppendUint32(b, f.stat.Mode)
	for _, n := range []uint64{f.stat.Ino, uint64(f.stat.Size), uint64(f.stat.Mtime), uint64(f.stat.Ctime)} {
		b = little.AppendUint64(b, n)
	}
	return append(b, f.sum[:]...)
}

// fileOf reads what appendStat has written.
func fileOf(b []byte) file {
	return file{
		stat: stat{
			Mode: little.Uint32(b), Ino: little.Uint64(b[4:]), Size: int64(little.Uint64(b[12:])),
			Mtime: int64(little.Uint64(b[20:])), Ctime: int64(little.Uint64(b[28:])),
		},
		sum: [sha256.Size]byte(b[statSize:]),
	}
}

// Read reads a manifest's file. A missing one is [io/fs.ErrNotExist].
func Read(name string) (*Manifest, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	m, read := &Manifest{}, readFiles
	body, ok := bytes.CutPrefix(content, []byte(magic))
	if ok {
		ok = len(body) >= sumSize && crc32.Checksum(body[sumSize:], castagnoli) == little.Uint32(body)
		body = body[min(sumSize, len(body)):]
	} else if body, ok = bytes.CutPrefix(content, []byte(magicOld)); ok {
		ok = len(body) >= sha256.Size && sha256.Sum256(body[sha256.Size:]) == [sha256.Size]byte(body)
		body, read = body[min(sha256.Size, len(body)):], readOldFiles
	}
	for _, list := range []*[]file{&m.files, &m.inputs} {
		if ok {
			*list, body, ok = read(body)
		}
	}
	if !ok || len(m.files) == 0 || m.files[0].path != "" {
		return nil, fmt.Errorf("reading %q: %w", name, errDamaged)
	}
	return m, nil
}

// readFiles reads a list of files and returns what follows it.
func readFiles(b []byte) (files []file, rest []byte, ok bool) {
	if len(b) < 16 {
		return nil, nil, false
	}
	n, size := little.Uint64(b), little.Uint64(b[8:])
	if b = b[16:]; n > uint64(len(b)/(entrySize+lengths)) || size > n*maxPath {
		return nil, nil, false
	}
	files = make([]file, n)
	paths, ends := make([]byte, 0, size), make([]int, n) // one string for all paths
	start := 0
	for i := range files {
		if len(b) < entrySize+lengths {
			return nil, nil, false
		}
		same, more := int(little.Uint16(b[entrySize:])), int(little.Uint16(b[entrySize+2:]))
		last := paths[start:]
		files[i] = fileOf(b)
		if b = b[entrySize+lengths:]; same > len(last) || more > len(b) || len(paths)+same+more > int(size) {
			return nil, nil, false
		}
		start = len(paths)
		paths = append(append(paths, last[:same]...), b[:more]...)
		b, ends[i] = b[more:], len(paths)
	}
	all, start := string(paths), 0
	for i, end := range ends {
		files[i].path, start = all[start:end], end
	}
	return files, b, true
}

// readOldFiles is readFiles for the format of before.
func readOldFiles(b []byte) (files []file, rest []byte, ok bool) {
	if len(b) < 8 {
		return nil, nil, false
	}
	n := little.Uint64(b)
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
		files[i] = fileOf(b)
		files[i].path, b = string(path), rest
	}
	return files, b, true
}
