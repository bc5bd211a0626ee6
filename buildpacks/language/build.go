package language

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/tree"
	"slugc/cache/beneath"
	"slugc/detect"
)

// Build is what every language's build has at hand. A language embeds it in a struct of its own and
// adds to Result. It is used from one goroutine.
type Build struct {
	Name    string // the language, as in diagnoses and plans: "ruby", "node", "go", "clojure"
	Context context.Context
	CNB     libcnb.BuildContext
	Dir     string   // the app: the root, or a member's directory in it
	Root    string   // the CNB app directory; what is in it beside Dir, a member uses
	Member  string   // Dir in Root, slash-separated: "apps/api"; "" if they are the same
	Environ []string // the process's environment, "NAME=value" each
	Log     *command.Log
	Result  libcnb.BuildResult

	finished string // the file that names the finished layers, "" under a platform that wants none
}

// Steps runs the steps of a build in order until one fails.
func Steps(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Inspect asks a detector about the app as it is now.
func (b *Build) Inspect(detector Detector) (detect.Result, error) {
	return detector(detect.Input{FS: os.DirFS(b.Root), Member: b.Member, Env: b.CNB.Platform.Environment})
}

// InSlug returns a path of the app as slices name it: relative to the CNB app directory.
func (b *Build) InSlug(rel string) string { return path.Join(b.Member, rel) }

// Path returns a slash-separated path of the app as a path of this machine.
func (b *Build) Path(rel string) string { return filepath.Join(b.Dir, filepath.FromSlash(rel)) }

// TempDir makes a directory outside the app and its layers. The build must remove it.
func (b *Build) TempDir() (string, error) {
	dir, err := os.MkdirTemp("", "slugc-"+b.Name+"-*")
	if err != nil {
		return "", fmt.Errorf("making a temporary directory: %w", err)
	}
	return dir, nil
}

// HasProcfile reports whether the app says itself how to start it.
func (b *Build) HasProcfile() bool { return tree.IsFile(b.Path("Procfile")) }

// AddProcess declares a process and the shell command that starts it. The type "web" is the default
// process.
func (b *Build) AddProcess(kind, command string) {
	b.Result.Processes = append(b.Result.Processes, libcnb.Process{
		Type: kind, Command: []string{"bash", "-c", command}, Default: kind == "web",
	})
}

// Layer opens a layer and makes its directory. Its metadata and files are those of the last build.
// It is not in the result until [Build.Contribute].
func (b *Build) Layer(name string) (libcnb.Layer, error) { return OpenLayer(b.CNB.Layers, name) }

// Everywhere are the types of a layer that serves the build, the launch and the next build.
var Everywhere = libcnb.LayerTypes{Build: true, Launch: true, Cache: true}

// Contribute adds a finished layer of the given types to the result. A layer of the same name is replaced.
// It is kept for the next build even if this one fails. So a layer must be complete, or one that tools can
// write to and be killed meanwhile; for other stores there is [Build.ContributeStore].
func (b *Build) Contribute(layer libcnb.Layer, types libcnb.LayerTypes) {
	b.add(layer, types)
	b.finish(*b.Contributed(layer.Name))
}

// ContributeStore adds a cache layer to the result that tools write to until the build ends. A build that
// fails keeps it, one that is killed does not.
func (b *Build) ContributeStore(layer libcnb.Layer) { b.add(layer, libcnb.LayerTypes{Cache: true}) }

func (b *Build) add(layer libcnb.Layer, types libcnb.LayerTypes) {
	layer.LayerTypes = types
	if have := b.Contributed(layer.Name); have != nil {
		*have = layer
		return
	}
	b.Result.Layers = append(b.Result.Layers, layer)
}

// finish writes a layer's metadata and tells the platform that it is complete. libcnb writes the metadata of
// all layers when the build has succeeded, so an error here costs no more than a cache.
func (b *Build) finish(layer libcnb.Layer) {
	if b.finished == "" {
		return
	}
	tmp := filepath.Join(b.CNB.Layers.Path, beneath.TempPrefix+layer.Name)
	text, err := toml.Marshal(layer)
	if err == nil {
		err = os.WriteFile(tmp, text, 0o644)
	}
	if err == nil {
		err = os.Rename(tmp, filepath.Join(b.CNB.Layers.Path, layer.Name+".toml"))
	}
	if err == nil {
		_ = extension.Finish(b.finished, layer.Name)
	}
}

// Contributed returns a layer of the result, to be changed in place, or nil.
func (b *Build) Contributed(name string) *libcnb.Layer {
	i := slices.IndexFunc(b.Result.Layers, func(l libcnb.Layer) bool { return l.Name == name })
	if i < 0 {
		return nil
	}
	return &b.Result.Layers[i]
}
