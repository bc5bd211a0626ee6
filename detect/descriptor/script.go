package descriptor

import (
	"bytes"
	"fmt"
	"io/fs"

	"github.com/BurntSushi/toml"
)

// Script is a buildpack that is written in project.toml itself.
type Script struct {
	API    string // the buildpack API, "0.10"
	Shell  string // what runs it, "/bin/sh"
	Inline string // its bin/build
}

// File is a file of a buildpack.
type File struct {
	Data []byte
	Mode fs.FileMode
}

// Files are the files of the script's buildpack, by path: buildpack.toml, bin/detect, which always passes, and
// bin/build. An empty version is "0.0.0", as pack has it.
func (s Script) Files(id, version string) map[string]File {
	if version == "" {
		version = "0.0.0"
	}
	type target struct {
		OS string `toml:"os"`
	}
	doc := struct {
		API       string `toml:"api"`
		Buildpack any    `toml:"buildpack"`
		// Without a target a platform would have to guess. A script for a shell runs where shells do.
		Targets []target `toml:"targets"`
	}{API: s.API, Targets: []target{{OS: "linux"}}, Buildpack: struct {
		ID      string `toml:"id"`
		Version string `toml:"version"`
	}{id, version}}
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(doc); err != nil {
		panic(fmt.Sprintf("descriptor: encoding texts: %v", err)) // a buffer takes everything
	}
	return map[string]File{
		"buildpack.toml": {text.Bytes(), 0o644},
		"bin/detect":     {[]byte("#!" + s.Shell + "\nexit 0\n"), 0o755},
		"bin/build":      {[]byte("#!" + s.Shell + "\n" + s.Inline + "\n"), 0o755},
	}
}
