// Package lifecycle is the platform's side of the Cloud Native Buildpacks specification (Buildpack API 0.7 to 0.12). It
// chooses buildpacks, resolves build plans, restores layers, runs each buildpack's bin/build in the sandbox, and reads
// the files that the buildpack leaves. It does what the CNB lifecycle 0.20.5 does: testdata/corpus holds the two
// against each other, and lists what differs.
//
//	node, err := lifecycle.LoadBuiltIn("/var/slugc/buildpacks/node")
//	candidate, err := lifecycle.Detect(node, detectNode, appDir, env)
//	group, ok := lifecycle.Resolve([]lifecycle.Candidate{candidate})
//	result, err := lifecycle.Build(ctx, lifecycle.Config{Sandbox: box, Group: group, AppDir: appDir, …})
//	result.Processes // {web, npm start}
//
// A [Candidate] is a buildpack that passed detection. [Resolve] makes a group of [Member]s from candidates.
// [Build] runs the group and returns a [Result]: process types, launch layers, slices and the launch
// environment as a shell script.
//
// A buildpack sees the app directory at /app and the layers directory at /app/.layers, wherever the sandbox
// can mount; elsewhere both are at their real paths. Only one build at a time may use a layers directory.
//
// The type of a layer (specification, "Layer Types") says what is kept from one build to the next. Of a
// cache layer it is files and metadata. Of a layer with launch only it is metadata; the files are set aside,
// and come back if the buildpack declares the layer again without files. Of any other layer it is nothing.
//
// What a layer's app runs on may be the platform's ([Runtime]): a tree that it puts into the layer,
// read-only, and that all apps of the machine share.
//
// What a buildpack leaves is untrusted. The package limits its size and accepts only regular files.
//
// Buildpacks of others are detected by [RunDetect], in the sandbox; built-in ones detect in this process ([Detect]).
// [Expand] replaces composite buildpacks by what they consist of, and [Choose] selects the group. A buildpack of
// others also sees the app at /workspace and the layers at /layers. Image extensions are refused.
package lifecycle

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
)

// Escaped returns the buildpack's id as a directory name: with "_" for "/", as in the specification.
func (b Buildpack) Escaped() string { return strings.ReplaceAll(b.Info.ID, "/", "_") }

// Member is a buildpack of the group, with its entries of the Buildpack Plan.
type Member struct {
	Buildpack
	Entries []libcnb.BuildpackPlanEntry

	provides []string // names of entries; what an earlier buildpack leaves unmet of them is this one's business
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

// Config are the arguments of [Build].
type Config struct {
	Sandbox *sandbox.Sandbox
	Group   []Member
	AppDir  string            // host path of the app directory
	Member  string            // the app's directory in it, slash-separated; "" for all of it ([extension.Member])
	Layers  string            // host path of the layers directory, AppDir/.layers
	Work    string            // host directory for the platform directory, HOME and plans
	Env     map[string]string // user-provided variables, for the platform directory
	BaseEnv map[string]string // environment of the buildpack process: PATH, proxies, registry settings
	Binds   []sandbox.Bind    // further host paths for built-in buildpacks
	// Bindings are host directories of service bindings by name, for buildpacks of others.
	Bindings map[string]string
	Slices   map[string]string // key by path, of the slices whose files the buildpacks need not make
	// Provided lists the layers whose content the platform provides, by [extension.LayerName]. Those of
	// Runtimes are known before the build; for the others LateRuntime, which may be nil, is called after it.
	Provided    []string
	Runtimes    map[string]Runtime
	LateRuntime func(ctx context.Context, m Member, layer string, metadata map[string]any) (Runtime, error)
	Prepare     func(platformDir string) error
	Output      func(buildpack string) io.Writer // where a buildpack's output goes
	Stack       string                           // what classic buildpacks are told, "debian-12"
	BuildPath   string                           // where they see the app ([classic.BuildPath])
	Limits      sandbox.Limits
	Network     Network
	Fresh       bool // the build uses no cache
	Interrupted bool // the last build was interrupted, and the layers' metadata was dropped
	Target      Target
	Progress    func(buildpack string) // called before each buildpack; may be nil
	// Finished is called after each buildpack with the layers that are complete, also of one that failed or
	// was killed; may be nil. dir is the buildpack's directory in Layers.
	Finished func(dir string, layers []string)
}

// Result is what the group has built.
type Result struct {
	Processes []procfile.Process // default process types; a later buildpack overrides an earlier one
	// DefaultType is the process type that a buildpack has declared the default; "" for none.
	DefaultType string
	Labels      map[string]string // of buildpacks of others, for an image; a later one replaces an earlier one
	Slices      []Slice           // in the order declared
	Layers      []Layer           // launch layers, in the order of buildpacks and names
	// SBOM is the host directory of the bills of materials that belong to the slug, .layers/sbom/launch; "" for none.
	SBOM    string
	Warned  []string     // process types of the Procfile that a buildpack has warned of
	Addons  []string     // add-ons for the release, "heroku-postgresql"
	States  []LayerState // all layers of all buildpacks
	Profile string       // the shell script that sets the launch environment; "" for nothing to set

	notes   []string                         // what the last buildpack's output should say
	classic struct{ types, addons []string } // of the last classic buildpack, and not replaced since
}

// Slice is a part of the app directory with a section of its own in the slug.
type Slice struct {
	Path string // relative to the app directory, slash-separated; with Paths, a name for messages and the section
	Key  string // identifies the content, as the buildpack states; may be ""
	// Paths are the files and directories of a slice of a buildpack of others, relative to the app directory.
	Paths []string

	patterns []string // that Paths are to match, until the end of the build
}

// Layer is a launch layer.
type Layer struct {
	Buildpack, Name string
	Dir             string // host path
	Runtime         Runtime

	metadata map[string]any // as the buildpack left it
	foreign  bool           // it is of a buildpack of others
}

// LayerState is whether a layer was reused, and why.
type LayerState struct {
	Layer string `json:"layer"` // "slugc/node:node"
	State string `json:"state"` // "restored", "rebuilt", "created"
	Why   string `json:"why"`
}

// AppMount is where a buildpack sees the app directory, if the sandbox can mount.
const AppMount = "/app"

// bind returns the bind of the app directory.
func (c Config) bind() sandbox.Bind {
	return sandbox.Bind{Host: c.AppDir, Inside: AppMount, Writable: true}
}

// appPath returns where a buildpack sees the app directory.
func (c Config) appPath() string { return c.Sandbox.Path(c.bind()) }

func mkdirs(dirs ...string) error {
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("making a build directory: %w", err)
		}
	}
	return nil
}
