package lifecycle

import (
	"github.com/BurntSushi/toml"

	"slugc/buildpacks/extension"
)

// IndependentFiles reports by a layer's metadata, the content of ‹layer›.toml, whether each of its files stands
// for itself ([extension.IndependentFiles]).
func IndependentFiles(metadata []byte) bool {
	var layer layerFile
	return toml.Unmarshal(metadata, &layer) == nil && layer.Metadata[extension.IndependentFiles] == true
}
