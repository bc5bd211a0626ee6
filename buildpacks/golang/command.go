package golang

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"slugc/buildpacks/command"
)

// goCommand runs the go command in the app's root. Its standard error is passed on, its standard
// output returned. When it fails, the error is a diagnosis: one of the known ones, or
// go/build-failed with the last lines.
func (b *work) goCommand(argv ...string) ([]byte, error) {
	var out bytes.Buffer
	tail, err := b.run("go "+argv[0], filepath.Join(b.goTool.Dir, "bin", "go"), argv, &out, unremarkable(b.app.Module))
	if bytes.Contains(tail, []byte("go: downloading ")) {
		b.downloaded = true
	}
	f, failed := errors.AsType[*command.Failure](err)
	if !failed {
		return out.Bytes(), err
	}
	if d := recognise(f.Tail, b.dir, b.app.Module); d != nil {
		return nil, d
	}
	return nil, f.Unrecognised(unknown)
}

// run runs a program to its end, with the build's environment. stdout gets its standard output in
// the log's place; drop reports lines that are not shown.
func (b *work) run(
	shown, program string,
	argv []string,
	stdout io.Writer,
	drop func(line string) bool,
) ([]byte, error) {
	found := b.env.look(program)
	if found == "" {
		return nil, fmt.Errorf("running %q: no such program", program)
	}
	return b.say.Run(
		b.ctx,
		command.Command{
			Program: found,
			Args:    argv,
			Shown:   shown,
			Dir:     b.dir,
			Env:     b.env.list(),
			Stdout:  stdout,
			Drop:    drop,
		},
	)
}

// unknown is what is said of a failure that no pattern knows.
var unknown = command.Unknown{
	ID:     "go/build-failed",
	Memory: "give the build more memory, or set GOFLAGS=-p=1 so that fewer packages are compiled at once",
}

// unremarkable reports the lines of `go build -v` that name a package of the standard library: a
// first build compiles 200 of them.
func unremarkable(module string) func(line string) bool {
	return func(line string) bool {
		if line == "" || strings.ContainsAny(line, " \t:") ||
			module != "" && (line == module || strings.HasPrefix(line, module+"/")) {
			return false
		}
		first, _, _ := strings.Cut(line, "/")
		return !strings.Contains(first, ".")
	}
}
