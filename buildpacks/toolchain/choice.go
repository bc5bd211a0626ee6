package toolchain

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"slugc/buildpacks/toolchain/source"
	"slugc/cache/digest"
	"slugc/cache/disk"
)

// choice is what a constraint was resolved to.
type choice struct {
	Version string    `json:"version"`
	Root    string    `json:"root,omitempty"` // of a tree that is used where it lies
	At      time.Time `json:"at"`
}

func (st *Store) choiceFile(req Request) string {
	b, _ := json.Marshal([]any{req.Tool, req.Constraint, st.set.OS, st.set.Arch, st.set.AllowWide})
	return filepath.Join(st.dir, choiceDir, digest.Of(b).Hex()[:32]+".json")
}

// chosen returns the tree that a request needs no source for: an exact version that is held, or the
// choice of the last day. It returns nil where there is none. The error is about the machine.
func (st *Store) chosen(req Request, t *source.Tool, c *source.Constraint) (*record, error) {
	if c.Exact != "" {
		if r, err := st.held(req.Tool, c.Exact); r != nil || err != nil {
			return r, err
		}
	}
	if st.set.Fresh {
		return nil, nil
	}
	b, err := os.ReadFile(st.choiceFile(req))
	var last choice
	if err != nil || json.Unmarshal(b, &last) != nil || !st.env.IsFresh(last.At) {
		return nil, nil
	}
	if last.Root == "" {
		return st.held(req.Tool, last.Version)
	}
	for _, s := range t.Sources {
		if inPlace, ok := s.(source.InPlace); ok && inPlace.Root(last.Version) == last.Root {
			return st.inPlace(req.Tool, last.Version, inPlace), nil
		}
	}
	return nil, nil
}

// choose remembers a choice. Losing it costs one request to the source.
func (st *Store) choose(req Request, r *record) {
	if b, err := json.Marshal(choice{r.Version, r.Root, st.set.Now()}); err == nil {
		_ = disk.WriteFile(st.choiceFile(req), b, 0o644)
	}
}
