package compiler

import (
	"errors"

	"slugc/buildpacks/reference"
	"slugc/compiler/fault"
)

// ReferenceFault adds to an error of package reference whose fault it is. Any other error it returns as it is.
func ReferenceFault(err error) error {
	e, ok := errors.AsType[*reference.Error](err)
	if !ok {
		return err
	}
	switch e.Owner {
	case reference.Nobody:
		return fault.TransientError(e.ID, err, e.Hints...)
	case reference.Machine:
		return fault.New(fault.Slugc, 0, e.ID, err, e.Hints...)
	case reference.Author:
		return fault.New(fault.App, fault.ExitBuildpack, e.ID, err, e.Hints...)
	}
	return fault.UsageError(e.ID, err, e.Hints...)
}
