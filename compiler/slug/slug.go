// Package slug is the slug format: pack, inspect, verify and unpack.
//
// A slug is an ordinary gzip-compressed tar archive (one gzip member) with the single top-level
// directory ./app. Its entries are grouped in sections (one a launch layer, one a slice, the app
// last), a section in segments of about 4 MB whose borders depend on path hashes. A segment is a
// run of whole tar entries, deflated by a fresh writer and ended with a sync flush: byte-aligned,
// non-final, with no reference across, hence reusable byte for byte. Segments are kept
// content-addressed with CRC-32 and length, so an unchanged segment is copied and never
// recompressed.
//
// # Layout
//
//	10 bytes   gzip header: no name, time 0, system 255
//	segment    ./app/ and all directories above the sections' roots, once: so no section's bytes depend on which others there are
//	segments   of the sections, in order; each ends at a multiple of 4096 bytes, filled up with empty deflate blocks, so that file
//	           systems can share extents between a slug and the [Store]
//	tail       ./app/.slugc/slug.json ([Manifest]) and the end of the archive, in stored blocks
//	8 bytes    gzip trailer: the CRC-32 combined from the segments', the length modulo 2^32
//
// A file of more than 8 MB is split: its segments hold pieces of 4 MB of it ([Segment].Part), so
// that it is compressed and unpacked in parallel like everything else. Two writers' work is equal
// byte for byte if their trees are: borders, order and headers depend on paths and sizes alone,
// compressed bytes on a segment's content alone.
//
// The text of slug.json ends with a member of fixed length that [Manifest] does not have,
//
//	"tail":"00000000000012345678 89abcdef"}
//
// 1072 bytes before the end of the file: where the tail begins, and the CRC-32 of the tail's tar
// bytes before that member. So [Inspect] reads the end of the file and nothing else, and knows
// whether it is whole.
//
// Everything that is not content is fixed: names sorted, times 1980-01-01T00:00:01Z, owner 0/0
// without names, modes 0755/0644 by the owner's execute bit, USTAR/PAX records only where needed,
// gzip header zero.
package slug

import (
	"slugc/cache/digest"
	"slugc/compiler/procfile"
)

// FormatVersion is the version of the format this package writes.
const FormatVersion = 1

// Section is one part of a slug to be packed: a directory tree placed somewhere under ./app.
type Section struct {
	Name string // "layer:slugc/node:node", "slice:node_modules", "app"; unique in a slug
	// host directory whose content is packed; "" packs nothing from disk: the section of key Key is
	// reused
	Dir     string
	Prefix  string   // where the content goes, slash-separated, relative to ./app; "" for the app itself
	Exclude []string // paths relative to Dir, slash-separated, left out with all below them
	Include []string // when not nil: only these paths relative to Dir, and all below them
	Key     string   // identity of the content as its maker states it; "" if it can only be known by reading
}

// Manifest is slug.json.
type Manifest struct {
	Format  int           `json:"format"`
	Content digest.Digest `json:"content"` // over the sections' names and tar digests
	// the first segment: ./app and the directories above all sections' roots
	Dirs         Segment             `json:"dirs"`
	Sections     []SectionInfo       `json:"sections"`
	ProcessTypes procfile.ProcessMap `json:"process_types"` // in order
	Runtimes     []Runtime           `json:"runtimes"`
	Buildpacks   []Buildpack         `json:"buildpacks"`
	Target       string              `json:"target"` // "linux/amd64"
}

// SectionInfo is a section as it lies in the slug.
type SectionInfo struct {
	Name     string        `json:"name"`
	Prefix   string        `json:"prefix"`
	Digest   digest.Digest `json:"digest"` // over the segments' digests
	Size     int64         `json:"size"`   // bytes in the slug, compressed
	Tar      int64         `json:"tar"`    // bytes of tar, uncompressed
	Entries  int           `json:"entries"`
	Segments []Segment     `json:"segments"`
}

// Segment is one run of tar entries as it lies in the slug.
type Segment struct {
	Offset int64         `json:"offset"` // of its first compressed byte in the file
	Size   int64         `json:"size"`   // compressed bytes
	Tar    int64         `json:"tar"`    // uncompressed bytes
	Digest digest.Digest `json:"digest"` // of the uncompressed tar bytes
	CRC    uint32        `json:"crc"`    // CRC-32 (IEEE) of the uncompressed tar bytes
	Sum    uint32        `json:"sum"`    // CRC-32C (Castagnoli) of the compressed bytes
	// not 0: it holds no header, it is the piece of that number (from 0) of the file begun before
	Part int `json:"part,omitempty"`
}

// Runtime is a language runtime that the slug was built with or carries.
type Runtime struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Source    string `json:"source"`
	Requested string `json:"requested"`
	From      string `json:"from"`
}

// Buildpack is a buildpack that took part.
type Buildpack struct {
	ID      string   `json:"id"`
	Version string   `json:"version"`
	Reasons []string `json:"reasons,omitempty"`
}
