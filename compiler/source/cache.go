package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"maps"
	"os"

	"slugc/cache/disk"
)

// cacheMagic starts a stat cache; the number changes with the format. The format is this line,
// records, and the sha256 of both. Any other file is read as empty.
const cacheMagic = "slugc stat cache 1\n"

// maxCache bounds the size of a stat cache that is read: more than the default limits can fill.
const maxCache = 1 << 30

// statCache keeps content digests by key: a path for a directory, a blob's id for git. It is not
// changed after loading, so it is safe for concurrent use. A nil statCache is empty.
type statCache struct {
	path    string
	records map[string]record
}

type record struct {
	stat stat
	sum  sum
}

// loadCache reads the cache at path. A cache that cannot be read is empty.
func loadCache(path string) *statCache {
	if path == "" {
		return nil
	}
	c := &statCache{path: path, records: map[string]record{}}
	f, err := os.Open(path)
	if err != nil {
		return c
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCache))
	if err != nil || len(data) < len(cacheMagic)+sha256.Size || !bytes.HasPrefix(data, []byte(cacheMagic)) {
		return c
	}
	body, check := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], check) {
		return c
	}
	if records, ok := decode(body[len(cacheMagic):]); ok {
		c.records = records
	}
	return c
}

// find returns the digest of the content that key had with this stat.
func (c *statCache) find(key string, st stat) (sum, bool) {
	if c == nil {
		return sum{}, false
	}
	r, ok := c.records[key]
	return r.sum, ok && r.stat == st
}

// converted returns size and digest of the content that a checkout makes of a blob.
func (c *statCache) converted(e entry) (size int64, content sum, ok bool) {
	if c == nil {
		return 0, sum{}, false
	}
	r, ok := c.records[e.key()]
	return r.stat.size, r.sum, ok
}

// key is what a digest of a git entry is remembered by.
func (e entry) key() string {
	if e.convert == "" {
		return e.oid
	}
	return e.oid + " " + e.convert
}

// replace writes these records to the cache's file, unless they are those that were loaded.
func (c *statCache) replace(records map[string]record) error {
	if c == nil || maps.Equal(c.records, records) {
		return nil
	}
	data := encode(records)
	sum := sha256.Sum256(data)
	return disk.WriteFile(c.path, append(data, sum[:]...), 0o600)
}

func encode(records map[string]record) []byte {
	data := make([]byte, 0, len(cacheMagic)+len(records)*128)
	data = append(data, cacheMagic...)
	for key, r := range records {
		data = binary.AppendUvarint(data, uint64(len(key)))
		data = append(data, key...)
		s := r.stat
		for _, n := range []uint64{s.dev, s.ino, uint64(s.size), uint64(s.mtime), uint64(s.ctime), uint64(s.mode)} {
			data = binary.LittleEndian.AppendUint64(data, n)
		}
		data = append(data, r.sum[:]...)
	}
	return data
}

func decode(data []byte) (map[string]record, bool) {
	const fixed = 6*8 + sha256.Size
	records := make(map[string]record, len(data)/128)
	for len(data) > 0 {
		n, used := binary.Uvarint(data)
		if used <= 0 || n > uint64(len(data)) || uint64(len(data)-used) < n+fixed {
			return nil, false
		}
		key := string(data[used : used+int(n)])
		data = data[used+int(n):]
		next := func() uint64 {
			v := binary.LittleEndian.Uint64(data)
			data = data[8:]
			return v
		}
		r := record{stat: stat{
			dev: next(), ino: next(), size: int64(next()),
			mtime: int64(next()), ctime: int64(next()), mode: uint32(next()),
		}}
		data = data[copy(r.sum[:], data):]
		records[key] = r
	}
	return records, true
}

// remember writes the entries' digests to the cache. If it cannot, the next build takes longer,
// which is only a warning.
func (s *Source) remember(c *statCache) {
	if c == nil {
		return
	}
	records := make(map[string]record, len(s.entries))
	for _, e := range s.entries {
		switch {
		case e.target != "", e.pointer: // a pointer is read again, to recognise it
		case e.oid != "":
			r := record{sum: e.sum}
			if e.convert != "" {
				r.stat.size = e.size
			}
			records[e.key()] = r
		case e.settled:
			records[e.path] = record{stat: e.stat, sum: e.sum}
		}
	}
	if err := c.replace(records); err != nil {
		s.warnings = append(s.warnings, "The source's digests can't be remembered for the next build: "+err.Error())
	}
}
