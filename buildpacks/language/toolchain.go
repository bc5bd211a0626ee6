package language

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/toolchain"
)

// Notes prints what the toolchain store has to say, and the first fetch. It may be used from
// several goroutines.
type Notes struct {
	Log  *command.Log
	once sync.Once
}

// Fetch says once that something is fetched.
func (n *Notes) Fetch(tool, version string, _, _ int64) {
	n.once.Do(func() { n.Log.Detail("Fetching %s %s", tool, version) })
}

// Note prints one line.
func (n *Notes) Note(line string) { n.Log.Detail("%s", line) }

// NoToolchain tells the app's faults among the errors of the toolchain store from others: a version
// that can't be read is ‹language›/version-invalid, one that no source has
// ‹language›/version-unavailable.
func NoToolchain(language string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if wrong, ok := errors.AsType[*toolchain.ConstraintError](err); ok {
		return &diagnosis.Diagnosis{
			ID: language + "/version-invalid", Summary: fmt.Sprintf("%s asks for %s %q, which is no version: %v.", wrong.From, wrong.Tool, wrong.Constraint, wrong.Unwrap()),
			Hints: []string{fmt.Sprintf("write a version of %s in %s", wrong.Tool, wrong.From)},
		}
	}
	if none, ok := errors.AsType[*toolchain.Unavailable](err); ok {
		return &diagnosis.Diagnosis{
			ID:        language + "/version-unavailable",
			Summary:   Sentence(none.Error()),
			Transient: none.Transient(),
			Hints:     []string{wayOut(none)},
		}
	}
	return fmt.Errorf("finding the toolchain: %w", err)
}

// wayOut is what the app's owner can do about a toolchain that no source has.
func wayOut(none *toolchain.Unavailable) string {
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

// Sentence makes an error's text a summary: one line with a capital and a period.
func Sentence(text string) string {
	text = strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(text, "\n", "; ")), ".")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
