package classic

import (
	"context"
	"errors"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/compiler/fault"
	"slugc/compiler/program"
	"slugc/compiler/sandbox"
)

// maxSaid is the most bytes that are read of a name.
const maxSaid = 4 << 10

// Detect runs bin/detect for the app, which it cannot change. Exit code 0 is a match, and the first line of its
// standard output is the name of what it has found. Any other is none: the reason may be in Detected.Output. A
// bin/detect that is missing or has no interpreter, that a signal ends or that meets a limit is an error with exit
// code 21, and says nothing of the app.
func Detect(ctx context.Context, c Config) (Detected, error) {
	w, err := c.open()
	if err != nil {
		return Detected{}, err
	}
	w.showApp()
	w.Cache = ""
	if err := w.check("detect"); err != nil {
		return Detected{}, detectFault(err)
	}
	said, all := &capture{limit: maxSaid}, &program.Tail{}
	err = w.run(ctx, "detect", said, all, w.Sandbox.Path(w.build))
	output := strings.TrimSpace(string(said.data) + "\n" + all.String())
	if err == nil {
		return Detected{Pass: true, Name: w.name(string(said.data))}, nil
	}
	exit, ok := errors.AsType[*sandbox.ExitError](err)
	err = w.failure(ctx, "detect", err, output)
	f, _ := errors.AsType[*fault.Error](err)
	if ok && exit.Signal == 0 && f != nil && f.Owner == fault.App {
		return Detected{Output: output}, nil
	}
	if f != nil && f.Owner != fault.Transient {
		err = detectFault(err, f.Hints...)
	}
	return Detected{Output: output}, err
}

// detectFault is the fault of a bin/detect that said nothing of the app.
func detectFault(err error, hints ...string) error {
	return fault.New(fault.Slugc, fault.ExitDetect, idDetect, err, hints...)
}

// name is what bin/detect said that it has found.
func (w *workspace) name(said string) string {
	for line := range strings.Lines(program.Plain(said)) {
		if name := diagnosis.Line(line, maxName); name != "" {
			return name
		}
	}
	return w.ID
}
