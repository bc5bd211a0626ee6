package node

import (
	"errors"
	"testing"

	"slugc/buildpacks/diagnosis"
)

// TestRefusals are failures whose output is too plain to be recorded.
func TestRefusals(t *testing.T) {
	for output, want := range map[string]string{
		"npm error code E404\nnpm error 404 Not Found - GET https://registry.example/flatmap-stream": "node/flatmap-stream",
		"npm error code E401\nnpm error Unable to authenticate":                                      "node/registry-denied",
		"npm error code ENEEDAUTH\n":           "node/registry-denied",
		"npm error code ESTRICTALLOWSCRIPTS\n": "node/script-not-allowed",
		"npm error code EALLOWGIT\n":           "node/git-not-allowed",
		"npm error code EALLOWREMOTE\n":        "node/remote-not-allowed",
	} {
		d := diagnosis.Recognise(patternsFor("npm", "package-lock.json"), []byte(output))
		if d == nil || d.ID != want || len(d.Hints) == 0 {
			t.Errorf("%q is %+v, want %s", output, d, want)
		}
	}
}

func TestYarnProduction(t *testing.T) {
	b := &work{env: &environment{user: map[string]string{"YARN_PRODUCTION": "true"}}}
	_, err := b.berry("", "4.9.1")
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); !ok || d.ID != "node/yarn-production" {
		t.Errorf("got %v", err)
	}
}
