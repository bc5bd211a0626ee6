package buildpacktest

import (
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
)

// Outcome is what one build left.
type Outcome struct {
	OK        bool
	Log       string
	Diagnosis *diagnosis.Diagnosis // nil where none was written
	Launch    libcnb.LaunchTOML
	Bill      []byte // launch.sbom.cdx.json
}

// Processes returns the declared command lines by process type.
func (o Outcome) Processes() map[string]string {
	lines := map[string]string{}
	for _, p := range o.Launch.Processes {
		lines[p.Type] = p.Command[len(p.Command)-1]
	}
	return lines
}

// DefaultProcess returns the type of the default process, "" where there is none.
func (o Outcome) DefaultProcess() string {
	for _, p := range o.Launch.Processes {
		if p.Default {
			return p.Type
		}
	}
	return ""
}

// HasSliceKey reports whether the slice at a path has a key as its label.
func (o Outcome) HasSliceKey(path string) bool {
	for _, label := range o.Launch.Labels {
		if label.Key == extension.SliceLabel(path) {
			return true
		}
	}
	return false
}

// Says checks that the log contains each of the texts.
func (o Outcome) Says(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.Log, text) {
			t.Errorf("the log does not contain %q:\n%s", text, o.Log)
		}
	}
}
