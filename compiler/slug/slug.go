// Package slug is the slug format: [Pack] writes a slug, [Inspect] and [Verify] read one, [Unpack]
// unpacks it.
//
//	p, err := slug.Pack(ctx, slug.PackOptions{
//		Sections: []slug.Section{{Name: "app", Dir: "/srv/hello"}},
//		Output:   "hello.tgz",
//	})
//	manifest, err := slug.Verify(ctx, "hello.tgz", p.Digest)
//	err = slug.Unpack(ctx, "hello.tgz", "/run/hello", slug.UnpackOptions{})
//
// A slug is an ordinary gzip-compressed tar archive (one gzip member) with the single top-level
// directory ./app. Its entries are grouped in sections: one for each launch layer, one for each
// slice, the app last. A section consists of segments of about 4 MB, whose borders depend on hashes
// of paths.
//
// A segment is a run of whole tar entries, compressed by a fresh deflate writer and ended with a
// sync flush. It ends at a byte, is not final and refers to nothing before it, so its bytes can be
// reused in another slug. A [Store] keeps segments by the digest of their content: a segment that
// did not change is copied and not compressed again. Stores of slugs move a slug by [Part], and OCI
// registries by [Archive]; a [Rebuild] puts it together again.
//
// # Layout
//
//	10 bytes   gzip header: no name, time 0, system 255
//	segment    ./app/ and the directories above the sections' roots, once, so that no section's
//	           bytes depend on which others there are
//	segments   of the sections, in order; each ends at a multiple of 4096 bytes, filled up with
//	           empty deflate blocks, so that file systems can share extents between a slug and the
//	           [Store]
//	tail       ./app/.slugc/slug.json ([Manifest]) and the end of the archive, in stored blocks
//	8 bytes    gzip trailer: the CRC-32, combined from the segments', and the length modulo 2^32
//
// A file of more than 8 MB is split: its segments hold pieces of 4 MB ([Segment].Part), which are
// compressed and unpacked in parallel. Equal trees make equal bytes: borders, order and headers
// depend on paths and sizes alone, compressed bytes on a segment's content alone.
//
// The text of slug.json ends with a member of fixed length that [Manifest] does not have,
//
//	"tail":"00000000000012345678 89abcdef"}
//
// 1072 bytes before the end of the file: the offset of the tail, and the CRC-32 of the tail's tar
// bytes before that member. So [Inspect] reads only the end of the file and can tell whether that
// is whole.
//
// Everything that is not content is fixed: names sorted, times 1980-01-01T00:00:01Z, owner 0/0
// without names, modes 0755 or 0644 by the owner's execute bit, PAX and GNU records only where
// USTAR does not suffice.
//
// The package does not know what makes the sections, where slugs are kept, or how they are started.
package slug

import (
	"slugc/cache/digest"
	"slugc/compiler/abi"
	"slugc/compiler/procfile"
)

// FormatVersion is the version of the format this package writes.
const FormatVersion = 1

// Section is one part of a slug to be packed: a directory tree that lies somewhere under ./app.
type Section struct {
	Name string // "layer:slugc/node:node", "slice:node_modules", "app"; unique in a slug
	// Dir is the directory on this machine whose content is packed. If it is "", the section is
	// taken from the store, by its Key.
	Dir string
	// Within is the directory above Dir that no build could write: between the two, Dir included, no
	// link is followed. "" is Dir itself.
	Within  string
	Prefix  string   // where the content goes, slash-separated, relative to ./app; "" for the app itself
	Exclude []string // paths relative to Dir, slash-separated, left out with everything below them
	Include []string // if not nil: only these paths relative to Dir, and everything below them
	Key     string   // what the maker says identifies the content; "" if it must be read
	// Shared, if not nil, keeps the segments of the section for all apps ([OpenShared]), instead of the
	// pack's own store. Key must then state the content of Dir, which is read only if the store does
	// not have it.
	Shared *Store
	// Made says that the segments were compressed for this pack, by [Store.Make].
	Made bool
}

// Manifest is the content of slug.json.
type Manifest struct {
	Format  int           `json:"format"`
	Content digest.Digest `json:"content"` // over the sections' names and tar digests
	// Dirs is the first segment: ./app and the directories above all sections' roots.
	Dirs         Segment             `json:"dirs"`
	Sections     []SectionInfo       `json:"sections"`
	ProcessTypes procfile.ProcessMap `json:"process_types"` // in order
	Runtimes     []Runtime           `json:"runtimes"`
	Buildpacks   []Buildpack         `json:"buildpacks"`
	// DefaultProcess is the process type that a buildpack declares the default; "" for none.
	DefaultProcess string `json:"default_process,omitempty"`
	// Labels are what buildpacks say of the slug, as those of an image (CNB specification, launch.toml).
	Labels map[string]string `json:"labels,omitempty"`
	Target string            `json:"target"` // "linux/amd64"
	// Directory is where below ./app the processes start, slash-separated: "apps/api"; "" for ./app itself.
	Directory string `json:"directory,omitempty"`
	// Mounts are the absolute paths at which processes see the app, because something in it was built for them:
	// "/app", "/workspace", and "/layers" for its layers. Without them the app runs at any path.
	Mounts []string `json:"mounts,omitempty"`
	// ABI is what its programs need of a machine; nil if it has none of its own. Pack sets it.
	ABI *abi.Record `json:"abi,omitempty"`
}

// SectionInfo describes a section in a slug.
type SectionInfo struct {
	Name     string        `json:"name"`
	Prefix   string        `json:"prefix"`
	Digest   digest.Digest `json:"digest"` // over the segments' digests
	Size     int64         `json:"size"`   // bytes in the slug, compressed
	Tar      int64         `json:"tar"`    // bytes of tar, uncompressed
	Entries  int           `json:"entries"`
	Segments []Segment     `json:"segments"`
}

// Segment describes one run of tar entries in a slug.
type Segment struct {
	Offset int64         `json:"offset"` // of its first compressed byte in the file
	Size   int64         `json:"size"`   // compressed bytes
	Tar    int64         `json:"tar"`    // uncompressed bytes
	Digest digest.Digest `json:"digest"` // of the uncompressed tar bytes
	CRC    uint32        `json:"crc"`    // CRC-32 (IEEE) of the uncompressed tar bytes
	Sum    uint32        `json:"sum"`    // CRC-32C (Castagnoli) of the compressed bytes
	// Part, if not 0, says that the segment has no header: it is the piece of that number, from 0,
	// of the file that an earlier segment starts.
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

// Buildpack is a buildpack that took part in the build.
type Buildpack struct {
	ID      string   `json:"id"`
	Version string   `json:"version"`
	Reasons []string `json:"reasons,omitempty"`
	// Source and Digest say where a buildpack that is not built in comes from, and what its files are. Of one that
	// was a directory of the builder machine there is only the digest.
	Source string        `json:"source,omitempty"`
	Digest digest.Digest `json:"digest,omitempty"`
}
