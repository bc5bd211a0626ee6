package language

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/toolchain"
	"slugc/detect"
)

// Toolchains returns the toolchains that the platform fetched, by tool. A platform other than slugc
// fetches none.
func (b *Build) Toolchains() (map[string]toolchain.Toolchain, error) {
	list, err := extension.Toolchains(b.CNB.Platform.Path)
	if err != nil {
		return nil, err
	}
	byTool := map[string]toolchain.Toolchain{}
	for _, t := range list {
		byTool[t.Tool] = t
	}
	return byTool, nil
}

// Fetch fetches a toolchain under a platform that fetches none, into a store in the cache layer of
// that name. The error of a version that no source has is a [*diagnosis.Diagnosis] ([NoToolchain]).
func (b *Build) Fetch(layer string, settings toolchain.Settings, r toolchain.Request) (toolchain.Toolchain, error) {
	l, err := b.Layer(layer)
	if err != nil {
		return toolchain.Toolchain{}, err
	}
	store, err := toolchain.Open(l.Path, settings)
	if err != nil {
		return toolchain.Toolchain{}, fmt.Errorf("finding %s: %w", r.Tool, err)
	}
	got, err := store.Ensure(b.Context, []toolchain.Request{r}, &Notes{Log: b.Log})
	if err != nil {
		return toolchain.Toolchain{}, NoToolchain(b.Name, err)
	}
	b.Contribute(l, libcnb.LayerTypes{Cache: true})
	return got[0], nil
}

// Request is what an app asks of a tool, as the toolchain store takes it.
func Request(r detect.Requirement) toolchain.Request {
	return toolchain.Request{Tool: r.Tool, Constraint: r.Constraint, From: r.From, Hash: r.Hash}
}

// RequestFor returns the request for a tool among an app's requirements. Where there is none, it
// asks for the default version.
func RequestFor(tool string, requirements []detect.Requirement) toolchain.Request {
	for _, r := range requirements {
		if r.Tool == tool {
			return Request(r)
		}
	}
	return toolchain.Request{Tool: tool, From: "default"}
}

// Notes shows the first fetch and the notes of a toolchain store in a log. Several goroutines may
// use it.
type Notes struct {
	Log  *command.Log
	once sync.Once
}

// Fetch says once that something is being fetched.
func (n *Notes) Fetch(tool, version string, _, _ int64) {
	n.once.Do(func() { n.Log.Detail("Fetching %s %s", tool, version) })
}

// Note prints one line.
func (n *Notes) Note(line string) { n.Log.Detail("%s", line) }

// NoToolchain returns the errors of the toolchain store that the app's owner can fix as diagnoses:
// a version that cannot be read is ‹language›/version-invalid, one that no source has is
// ‹language›/version-unavailable.
func NoToolchain(language string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if wrong, ok := errors.AsType[*toolchain.ConstraintError](err); ok {
		return &diagnosis.Diagnosis{
			ID: language + "/version-invalid",
			Summary: fmt.Sprintf("%s asks for %s %q, which is no version: %v.",
				wrong.From, wrong.Tool, wrong.Constraint, wrong.Unwrap()),
			Hints: []string{fmt.Sprintf("write a version of %s in %s", wrong.Tool, wrong.From)},
		}
	}
	if none, ok := errors.AsType[*toolchain.Unavailable](err); ok {
		return &diagnosis.Diagnosis{
			ID:        language + "/version-unavailable",
			Summary:   Sentence(none.Error()),
			Transient: none.Transient(),
			Hints:     []string{remedy(none)},
		}
	}
	return fmt.Errorf("finding the toolchain: %w", err)
}

// remedy is what the app's owner can do about a toolchain that no source has.
func remedy(none *toolchain.Unavailable) string {
	switch {
	case none.NotFound() && none.From != "" && none.From != "default":
		return fmt.Sprintf("ask in %s for a version of %s that one of the sources has", none.From, none.Tool)
	case none.NotFound():
		return fmt.Sprintf("ask for a version of %s that one of the sources has", none.Tool)
	case none.Transient():
		return "try again; if it persists, check the settings of mirrors, registries and proxies"
	}
	return fmt.Sprintf("set up a source of %s for this platform, as its reason above says", none.Tool)
}

// Sentence turns an error's text into a summary: one line with a capital and a period.
func Sentence(text string) string {
	text = strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(text, "\n", "; ")), ".")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
