package golang

import (
	"errors"
	"io/fs"
	"testing"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/toolchain"
)

func TestNoToolchain(t *testing.T) {
	t.Parallel()
	req := toolchain.Request{Tool: "go", Constraint: "1.99", From: "go.mod go"}
	cases := []struct {
		err       error
		want      string
		transient bool
	}{
		{&toolchain.ConstraintError{Tool: "go", Constraint: "one", Err: errors.New("no number")}, "go/version-invalid", false},
		{&toolchain.Unavailable{Tool: "go", Constraint: "1.99"}, "go/version-unavailable", false},
		{fs.ErrPermission, "", false},
	}
	for _, c := range cases {
		err := noToolchain(req, c.err)
		d, ok := errors.AsType[*diagnosis.Diagnosis](err)
		if ok != (c.want != "") || ok && (d.ID != c.want || d.Transient != c.transient) {
			t.Errorf("%v: got %v, want %q", c.err, err, c.want)
		}
		if !ok && !errors.Is(err, c.err) {
			t.Errorf("%v is lost in %v", c.err, err)
		}
	}
}
