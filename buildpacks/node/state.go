package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/cache/digest"
)

// keptState is what a build tells the next one about its dependency trees, in the metadata of the
// layer "modules".
type keptState struct {
	Key    string      `json:"key"`
	Paths  []string    `json:"paths"` // after installing: what is kept
	Final  []string    `json:"final"` // after pruning: what is in the slug
	Kept   string      `json:"kept"`
	Direct []installed `json:"direct"`
	State  string      `json:"state"`
	// Full and Programs are the programs in node_modules/.bin before and after pruning, nil where they are not known.
	Full     []string `json:"full"`
	Programs []string `json:"programs"`
	// Open says that Final is not known: the build has not come to an end, or a script wrote to the trees.
	Open bool `json:"open,omitempty"`
}

// readState reads what the last build left. A cache can be damaged, so paths are checked.
func readState(layer libcnb.Layer) keptState {
	var state keptState
	text, _ := layer.Metadata["state"].(string)
	if json.Unmarshal([]byte(text), &state) != nil {
		return keptState{}
	}
	for _, modules := range slices.Concat(state.Paths, state.Final) {
		if !filepath.IsLocal(modules) || path.Base(modules) != "node_modules" {
			return keptState{}
		}
	}
	return state
}

// saveState contributes the layer, or removes it where nothing may be kept.
func (b *work) saveState() error {
	if b.deps.key == "" {
		return os.RemoveAll(b.deps.layer.Path)
	}
	return b.contributeState(b.deps.dirty)
}

// contributeState contributes the layer. open says that what is left of the trees is not what the key decides.
func (b *work) contributeState(open bool) error {
	d := &b.deps
	text, err := json.Marshal(keptState{
		Key: d.key, Paths: d.paths, Final: d.final, Kept: d.kept, Direct: d.direct, State: d.state, Open: open,
		Full: d.full, Programs: d.programs,
	})
	if err != nil {
		return fmt.Errorf("keeping the dependencies: %w", err)
	}
	d.layer.Metadata = map[string]any{"state": string(text), "parts": reasons(d.parts)}
	b.Contribute(d.layer, libcnb.LayerTypes{Cache: true})
	return nil
}

// treeDirs returns the directories in the layer that keep the trees.
func treeDirs(layer string, paths []string) []string {
	dirs := make([]string, len(paths))
	for i := range paths {
		dirs[i] = filepath.Join(layer, "trees", strconv.Itoa(i))
	}
	return dirs
}

// manifestsOf takes the manifests of directories, which must all be there.
func manifestsOf(dirs []string) ([]manifest, error) {
	list := make([]manifest, len(dirs))
	for i, dir := range dirs {
		var err error
		if list[i], err = takeManifest(dir, nil); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// digestOf returns one digest over manifests.
func digestOf(list []manifest) string {
	var all strings.Builder
	for _, m := range list {
		all.WriteString(m.digest() + "\n")
	}
	return digest.Of([]byte(all.String())).Hex()
}
