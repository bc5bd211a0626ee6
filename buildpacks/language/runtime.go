package language

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/toolchain"
	"slugc/cache"
)

// Runtime is the content of a layer that toolchains alone decide: what the app runs on. A platform
// that knows of it makes it once on a machine, outside any app's build, and shows it to every build
// where the layer lies, read-only. Under another platform the buildpack fills its layer itself, with
// the same Make.
type Runtime struct {
	Layer string   // the layer's name
	Tools []string // the tools that it is made from, the first of which must be there
	// Layout is the version of what Make makes: raise it when the same order has another result.
	Layout string
	// Parts, if not nil, returns from the layer's metadata after a build what else decides the content,
	// and false where the layer needs no runtime. Without Parts the content is known before the build.
	Parts func(metadata map[string]any) (parts []string, ok bool)
	// Make fills an empty directory.
	Make func(ctx context.Context, o Order, dir string, log *command.Log) error
}

// Order is what a runtime is made of. It is the argument of the process that makes it.
type Order struct {
	Tools map[string]toolchain.Toolchain `json:"tools"` // by name
	Arch  string                         `json:"arch"`  // Go's name of the processor
	Parts []string                       `json:"parts,omitempty"`
}

// Name returns a name for what an order makes that changes with everything that decides its content
// ([toolchain.Lease.Derived]), except for files of the machine, which [WriteInputs] states.
func (r Runtime) Name(o Order) string {
	parts := []string{r.Layer, r.Layout, o.Arch}
	for _, name := range r.Tools {
		t := o.Tools[name]
		parts = append(parts, name, t.Version, t.Source, t.Digest)
	}
	return "runtime-" + cache.Key(append(parts, o.Parts...)...)[:32]
}

// Reduced returns the order with nothing but what the runtime is made of.
func (r Runtime) Reduced(o Order) Order {
	tools := map[string]toolchain.Toolchain{}
	for _, name := range r.Tools {
		if t, ok := o.Tools[name]; ok {
			tools[name] = toolchain.Toolchain{
				Tool:    t.Tool,
				Version: t.Version,
				Source:  t.Source,
				Digest:  t.Digest,
				Dir:     t.Dir,
			}
		}
	}
	return Order{Tools: tools, Arch: o.Arch, Parts: o.Parts}
}

// MakeRuntime is the main function of the process that makes a runtime: it reads the order, a JSON
// document, and fills dir.
func (r Runtime) MakeRuntime(ctx context.Context, order, dir string, out io.Writer) error {
	var o Order
	if err := json.Unmarshal([]byte(order), &o); err != nil {
		return fmt.Errorf("reading the order of a runtime: %w", err)
	}
	return r.Make(ctx, o, dir, &command.Log{Out: out})
}

// WriteInputs states which files of the machine a runtime in dir was made from, by absolute path: the
// platform makes it again when one of them changes.
func WriteInputs(dir string, files []string) error {
	text, err := json.Marshal(files)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, toolchain.InputsName), text, 0o644); err != nil {
		return fmt.Errorf("writing what the runtime was made from: %w", err)
	}
	return nil
}

// Provided reports whether the platform fills a layer of this buildpack with its runtime, so that the
// buildpack must leave the files in it alone.
func (b *Build) Provided(layer string) (bool, error) {
	return extension.Provides(b.CNB.Platform.Path, b.CNB.Buildpack.Info.ID, layer)
}

// FillLayer fills an empty layer with its runtime under a platform that does not.
func (b *Build) FillLayer(r Runtime, o Order, dir string) error {
	if err := r.Make(b.Context, o, dir, b.Log); err != nil {
		return err
	}
	// Such a platform does not ask for what the runtime was made from.
	if err := os.Remove(filepath.Join(dir, toolchain.InputsName)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
