package toolchain

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/toolchain/node"
	"slugc/buildpacks/toolchain/source"
	"slugc/cache/disk"
)

// record describes a tree, in toolchain.json at its root.
type record struct {
	Schema  int      `json:"schema"`
	Tool    string   `json:"name"`
	Version string   `json:"version"`
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	Source  string   `json:"source"`
	Digest  string   `json:"digest"`
	Hashes  []string `json:"hashes,omitempty"` // "sha512.‹hex›" and others, of everything an app may pin
	Root    string   `json:"root,omitempty"`   // for a tree that lies outside the store
}

const recordSchema = 1

// newRecord is the record of a tree for the store's platform.
func (st *Store) newRecord(tool, version, from string) *record {
	return &record{
		Schema: recordSchema, Tool: tool, Version: version, OS: st.set.OS, Arch: st.set.Arch, Source: from,
	}
}

// inPlace is the record of a tree that is used where it lies.
func (st *Store) inPlace(tool, version string, s source.InPlace) *record {
	r := st.newRecord(tool, version, s.Name())
	r.Root = s.Root(version)
	return r
}

// pinned reports whether a digest is of what the record is about. note is for people, where it is of another
// file of the same version.
func (r *record) pinned(hash string) (ok bool, note string) {
	hash = strings.ToLower(hash)
	if slices.Contains(r.Hashes, hash) {
		return true, ""
	}
	if twin := node.Twin(r.Tool, r.Version, hash); twin != "" && slices.Contains(r.Hashes, twin) {
		return true, fmt.Sprintf("%s %s is pinned by the digest of its authors' own file; the npm registry's is "+
			"another one, and has the digest that is known for it", r.Tool, r.Version)
	}
	return false, ""
}

func (r *record) toolchain(tree string) Toolchain {
	return Toolchain{Tool: r.Tool, Version: r.Version, Source: r.Source, Digest: r.Digest, Dir: tree}
}

// id names the record's tree.
func (r *record) id() string { return fmt.Sprintf("%s-%s-%s-%s", r.Tool, r.Version, r.OS, r.Arch) }

// id names a tool, version and platform.
func (st *Store) id(tool, version string) string { return tool + "-" + st.platformed(version) }

func (st *Store) tree(tool, version string) string {
	return filepath.Join(st.dir, tool, st.platformed(version))
}

func (st *Store) platformed(version string) string {
	return fmt.Sprintf("%s-%s-%s", version, st.set.OS, st.set.Arch)
}

// held returns the record of a whole tree, or nil. The error is about the machine.
func (st *Store) held(tool, version string) (*record, error) {
	tree := st.tree(tool, version)
	r, err := readRecord(tree)
	if r == nil || r.Tool != tool || r.Version != version {
		return nil, err
	}
	if t := st.tool(tool); t != nil && t.Verify != nil {
		if err = t.Verify(tree, version); err != nil && disk.Damaged(err) {
			return nil, nil
		}
	}
	return r, err
}

// present returns nil for a whole tree, errPruned where there is none, or what is wrong with the machine.
func (st *Store) present(tool, version string) error {
	r, err := st.held(tool, version)
	if r == nil && err == nil {
		err = errPruned
	}
	return err
}

// readRecord reads the record of a tree. It is nil for a tree that is not whole or is of another slugc. The
// error is about the machine.
func readRecord(tree string) (*record, error) {
	b, err := os.ReadFile(filepath.Join(tree, recordName))
	if err != nil && !disk.Damaged(err) {
		return nil, fmt.Errorf("reading the toolchain store: %w", err)
	}
	var r record
	if err != nil || json.Unmarshal(b, &r) != nil || r.Schema != recordSchema {
		return nil, nil
	}
	return &r, nil
}

// records are the whole trees of a tool, of any platform.
func (st *Store) records(tool string) (list []*record, err error) {
	entries, err := os.ReadDir(filepath.Join(st.dir, tool))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the toolchain store: %w", err)
	}
	for _, e := range entries {
		r, err := readRecord(filepath.Join(st.dir, tool, e.Name()))
		if err != nil {
			return nil, err
		}
		if r != nil && r.Tool == tool {
			list = append(list, r)
		}
	}
	return list, nil
}
