package diagnosis

import (
	"fmt"

	"slugc/cache/disk"
)

// OfTrouble returns the diagnosis of a machine in trouble (a full disk, no files left), if that is what
// err wraps, else nil. Its id is the one that slugc's own errors of this kind have ([disk.TroubleOf]).
func OfTrouble(err error) *Diagnosis {
	trouble, ok := disk.TroubleOf(err)
	if !ok {
		return nil
	}
	return &Diagnosis{
		ID: trouble.ID, Hints: []string{trouble.Hint}, Transient: true,
		Summary: fmt.Sprintf("The build can't use its files: %v.", err),
	}
}

// OfOutput is [OfTrouble] for the output of a failed tool. shown is the tool's command line.
func OfOutput(shown, output string) *Diagnosis {
	trouble, ok := disk.TroubleIn(output)
	if !ok {
		return nil
	}
	return &Diagnosis{
		ID: trouble.ID, Hints: []string{trouble.Hint}, Transient: true,
		Summary: fmt.Sprintf("`%s` failed: %v.", shown, trouble.Errno),
	}
}
