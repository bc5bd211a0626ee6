// Package lifecycle is the platform's side of the Cloud Native Buildpacks contract (Buildpack API
// 0.10, and what it shares with 0.8 to 0.12): it resolves build plans, restores layers, runs each
// buildpack's bin/build in the sandbox and reads back what it left.
//
// The app directory is /app and the layers directory /app/.layers for the buildpack, wherever the
// sandbox can mount; elsewhere both are at their real paths. One layers directory serves one build
// at a time.
//
// What is kept between builds, by a layer's types (buildpack specification, "Layer Types"): cache:
// files and metadata; launch alone: metadata, and the files aside, to be reused if the layer is
// declared again without files; build alone or nothing: nothing.
//
// Not supported: image extensions, and the `stack` buildpacks of API below 0.8.
package lifecycle

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
	"slugc/detect/lazyregexp"
)

// Buildpack is a buildpack on disk.
type Buildpack struct {
	libcnb.Buildpack        // buildpack.toml
	Dir              string // its directory on the host
}

// Load reads the buildpack in dir.
func Load(dir string) (Buildpack, error) {
	b := Buildpack{Dir: dir}
	file := filepath.Join(dir, "buildpack.toml")
	if _, err := toml.DecodeFile(file, &b.Buildpack); err != nil {
		return b, fmt.Errorf("reading %q: %w", file, err)
	}
	if !idGrammar.MatchString(b.Info.ID) {
		return b, fmt.Errorf("reading %q: the buildpack id %q is malformed", file, b.Info.ID)
	}
	return b, nil
}

// Ids are used in paths and section names; "config" and "app" are reserved by the specification.
var idGrammar = lazyregexp.New(`^[a-zA-Z0-9][a-zA-Z0-9._-]*(/[a-zA-Z0-9][a-zA-Z0-9._-]*)*$`)

// Escaped is the buildpack's id as a directory name.
func (b Buildpack) Escaped() string { return strings.ReplaceAll(b.Info.ID, "/", "_") }

// Member is a buildpack of the chosen group, with what its plan entries ask of it.
type Member struct {
	Buildpack
	Entries []libcnb.BuildpackPlanEntry
}

// SetMetadata sets a key in the metadata of the plan entries called entry. With it the platform passes on
// what it knows of the group and no buildpack does.
func (m *Member) SetMetadata(entry, key string, value any) {
	for i, e := range m.Entries {
		if e.Name == entry {
			e.Metadata = maps.Clone(e.Metadata)
			if e.Metadata == nil {
				e.Metadata = map[string]any{}
			}
			e.Metadata[key] = value
			m.Entries[i] = e
		}
	}
}

// Config is all a build needs.
type Config struct {
	Sandbox  *sandbox.Sandbox
	Group    []Member
	AppDir   string // host path of the app directory
	Layers   string // host path of the layers directory, AppDir/.layers
	Work     string // host directory for the platform directory, HOME and plans
	Env      map[string]string
	BaseEnv  map[string]string // environment of the buildpack process: PATH, proxies, registry settings
	Binds    []sandbox.Bind    // further host paths that the buildpack may read
	Slices   map[string]string // slices that can be supplied by key
	Prepare  func(platformDir string) error
	Output   func(buildpack string) io.Writer // where a buildpack's output goes
	Limits   sandbox.Limits
	Fresh    bool
	Broken   bool // the layers' metadata was dropped after a broken-off build
	Target   Target
	Progress func(buildpack string) // called as each buildpack starts; may be nil
}

// Target is the machine that is built for.
type Target struct{ OS, Arch, DistroName, DistroVersion string }

// Result is what the group left.
type Result struct {
	Processes []procfile.Process // default process types, later buildpacks overriding earlier ones
	Slices    []Slice            // in the order declared
	Layers    []Layer            // launch layers, buildpacks in order, layers by name
	Addons    []string           // add-ons that the release is to name, "heroku-postgresql"
	States    []LayerState       // every layer of every buildpack
	// the shell script that sets the launch environment up; "" when there is nothing to set
	Profile string
	Took    map[string]time.Duration
}

// Slice is a part of the app directory with a section of its own.
type Slice struct {
	Path string // relative to the app directory, slash-separated
	Key  string // what decides its content, as the buildpack states it; may be ""
}

// Layer is a launch layer.
type Layer struct {
	Buildpack, Name string
	Dir             string // host path
}

// LayerState says whether a layer was reused and why.
type LayerState struct {
	Layer string `json:"layer"` // "slugc/node:node"
	State string `json:"state"` // "restored", "rebuilt", "created"
	Why   string `json:"why"`
}

// AppMount is where the app directory is for the buildpack, where the sandbox can mount.
const AppMount = "/app"

// bind returns the app directory's bind.
func (c Config) bind() sandbox.Bind {
	return sandbox.Bind{Host: c.AppDir, Inside: AppMount, Writable: true}
}

// appPath is where the buildpack sees the app directory.
func (c Config) appPath() string { return c.Sandbox.Path(c.bind()) }

func mkdirs(dirs ...string) error {
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("making a build directory: %w", err)
		}
	}
	return nil
}
