package golang

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/toolchain"
)

// findToolchain takes the Go that the platform has fetched. Under a platform that fetches none, the buildpack does it itself,
// into a cache layer.
func (b *work) findToolchain() error {
	given, err := extension.Toolchains(b.cnb.Platform.Path)
	if err != nil {
		return fmt.Errorf("finding the Go toolchain: %w", err)
	}
	if i := slices.IndexFunc(given, func(t toolchain.Toolchain) bool { return t.Tool == "go" }); i >= 0 {
		b.goTool = given[i]
		return nil
	}
	dir, err := b.layer("toolchains", libcnb.LayerTypes{Cache: true})
	if err != nil {
		return err
	}
	store, err := toolchain.Open(dir, toolchain.Settings{
		GoProxy: b.proxy(), GoSumDB: b.env.vars["GOSUMDB"], GoNoSumDB: b.env.vars["GONOSUMDB"],
	})
	if err != nil {
		return fmt.Errorf("finding the Go toolchain: %w", err)
	}
	wants := b.wants
	if len(wants) == 0 {
		wants = []toolchain.Request{{Tool: "go", From: "default"}}
	}
	b.say.step("Installing Go")
	got, err := store.Ensure(b.ctx, wants[:1], notes{say: b.say, once: new(sync.Once)})
	if err != nil {
		return noToolchain(wants[0], err)
	}
	b.goTool = got[0]
	return nil
}

// proxy is GOPROXY where it is set. The go command's own default is not written down here: without it, the store takes the
// distribution at go.dev.
func (b *work) proxy() string { return b.env.vars["GOPROXY"] }

// noToolchain tells the app's faults among those of the store from the network's.
func noToolchain(req toolchain.Request, err error) error {
	if wrong, ok := errors.AsType[*toolchain.ConstraintError](err); ok {
		return &diagnosis.Diagnosis{ID: "go/version-invalid", Summary: fmt.Sprintf("%s asks for Go %q, which is no version: %v.", req.From, req.Constraint, wrong.Unwrap()), Hints: []string{"write a version such as 1.26"}}
	}
	if none, ok := errors.AsType[*toolchain.Unavailable](err); ok {
		d := &diagnosis.Diagnosis{ID: "go/version-unavailable", Summary: none.Error(), Transient: none.Transient()}
		if none.NotFound() {
			d.Hints = []string{fmt.Sprintf("ask for a released version of Go in %s", req.From)}
		}
		return d
	}
	return fmt.Errorf("finding the Go toolchain: %w", err)
}

// notes prints what the store has to say. Calls come from several goroutines; each prints one line.
type notes struct {
	say  *printer
	once *sync.Once
}

func (n notes) Fetch(_, version string, _, _ int64) {
	n.once.Do(func() { n.say.detail("Fetching Go %s", version) })
}

func (n notes) Note(line string) { n.say.detail("%s", line) }
