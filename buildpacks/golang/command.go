package golang

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// goCommand runs the go command in the app's root, shows its standard error and returns its
// standard output; where a download breaks off, it runs a second time. The error of a command that fails is
// a diagnosis: that of a pattern, or go/build-failed.
func (b *work) goCommand(argv ...string) (out []byte, err error) {
	err = command.Twice(b.Log.Again, func() error {
		out, err = b.goOnce(command.Command{Args: argv})
		return err
	})
	return out, err
}

func (b *work) goOnce(c command.Command) ([]byte, error) {
	var out bytes.Buffer
	c.Asks = proxyHosts(b.env.vars["GOPROXY"])
	c.Shown, c.Stdout, c.Network, c.Drop = "go "+c.Args[0], &out, "go/network", ofStandardLibrary(b.app.Module)
	tail, err := b.run(filepath.Join(b.goTool.Dir, "bin", "go"), c)
	if bytes.Contains(tail, []byte("go: downloading ")) {
		b.downloaded = true
	}
	f, failed := errors.AsType[*command.Failure](err)
	if !failed {
		return out.Bytes(), err
	}
	err = f.Diagnose(recognise(f.Tail, b.Dir, b.app.Module, b.goTool.Version), unknown)
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); ok {
		b.explainEmbedded(d, f.Tail)
		if d.ID == "go/proxy-unreachable" && !strings.Contains(d.Summary, "://") && c.Asks != "" {
			d.Hints = append(d.Hints, "modules come from "+c.Asks)
		}
		if b.Member != "" { // what is around the app is named from the repository's root
			d.Summary = strings.ReplaceAll(d.Summary, b.Root+"/", "")
			d.Place = strings.TrimPrefix(d.Place, b.Root+"/")
		}
		if b.isTooOld(f.Tail) {
			d.Newer = "go"
		}
	}
	return nil, err
}

// run runs a program to its end in the app's root, with the command's environment or else the build's.
func (b *work) run(program string, c command.Command) ([]byte, error) {
	if c.Program = b.env.vars.Look(program); c.Program == "" {
		return nil, fmt.Errorf("running %q: no such program", program)
	}
	if c.Dir = b.Dir; c.Env == nil {
		c.Env = b.env.vars.List()
	}
	return b.Log.Run(b.Context, c)
}

// unknown describes a failure that no pattern recognises.
var unknown = command.Unknown{
	ID:     "go/build-failed",
	Memory: "give the build more memory, or set GOFLAGS=-p=1 so that fewer packages are compiled at once",
}

// ofStandardLibrary returns a function that reports the lines of `go build -v` that name a package
// of the standard library: a first build compiles 200 of them.
func ofStandardLibrary(module string) func(line string) bool {
	return func(line string) bool {
		own := module != "" && (line == module || strings.HasPrefix(line, module+"/"))
		if own || line == "" || strings.ContainsAny(line, " \t:") {
			return false
		}
		first, _, _ := strings.Cut(line, "/")
		return !strings.Contains(first, ".")
	}
}
