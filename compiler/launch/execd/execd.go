// Package execd runs the programs that layers have in exec.d, as the CNB launcher does (Buildpack Interface
// Specification, "exec.d"): before a process starts, each writes variables for it, as TOML, to file descriptor 3.
//
//	text, err := execd.Script(ctx, execd.Options{
//		Dirs: []string{"/app/.layers/acme_cobol/runtime/exec.d"}, Process: "web",
//		Dir: "/app", Environ: os.Environ(), Stderr: os.Stderr,
//	})
//	text // "export COBOL_MEMORY='512'\n"
//
// The shell that starts the process evaluates the text. An error is a fault "launch/exec-d" (exit 82).
package execd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"slugc/buildpacks/shell"
	"slugc/compiler/fault"
	"slugc/detect/lazyregexp"
)

// Options say what to run.
type Options struct {
	Dirs    []string  // directories of programs, in this order
	Process string    // the process type, whose programs are in a sub-directory of that name; "" for none
	Dir     string    // the app directory, where the programs run
	Environ []string  // their environment, K=V; each also gets what earlier ones have set
	Stderr  io.Writer // where their output goes
}

// maxOutput is the most bytes that a program may write to file descriptor 3.
const maxOutput = 1 << 20

// Script runs the programs of each directory, and then those of the process type, in the order of their names. It
// returns the shell commands that export what they have set.
func Script(ctx context.Context, o Options) (string, error) {
	set := map[string]string{}
	for _, dir := range o.Dirs {
		dirs := []string{dir}
		if o.Process != "" {
			dirs = append(dirs, filepath.Join(dir, o.Process))
		}
		for _, d := range dirs {
			programs, err := programsIn(d)
			if err != nil {
				return "", failed(d, err)
			}
			for _, p := range programs {
				if err := o.run(ctx, p, set); err != nil {
					return "", failed(p, err)
				}
			}
		}
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(set)) {
		fmt.Fprintf(&text, "export %s=%s\n", name, shell.Quote(set[name]))
	}
	return text.String(), nil
}

func failed(program string, err error) error {
	return fault.New(fault.App, fault.ExitLaunch, "launch/exec-d",
		fmt.Errorf("preparing the process: running %q: %w", program, err),
		"the buildpack that made this layer says what it needs; its output above may say more")
}

// programsIn lists the files in a directory, sorted; none if it is missing.
func programsIn(dir string) (programs []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if !e.IsDir() {
			programs = append(programs, filepath.Join(dir, e.Name()))
		}
	}
	return programs, err
}

// run runs a program and adds what it sets.
func (o Options) run(ctx context.Context, program string, set map[string]string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = o.Dir, o.Stderr, o.Stderr, []*os.File{write}
	cmd.Env = slices.Clone(o.Environ)
	for name, value := range set {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	err = cmd.Start()
	write.Close()
	if err != nil {
		return err
	}
	data, errRead := io.ReadAll(io.LimitReader(read, maxOutput+1))
	read.Close() // one that writes on is ended by it
	if err := cmd.Wait(); err != nil && len(data) <= maxOutput {
		return err
	}
	if errRead == nil && len(data) > maxOutput {
		errRead = fmt.Errorf("it writes more than %d bytes", maxOutput)
	}
	if errRead != nil {
		return errRead
	}
	return decode(data, set)
}

// nameGrammar is the form of a variable that a shell can export.
var nameGrammar = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

// decode adds the variables that a program has written: TOML, all values strings.
func decode(data []byte, set map[string]string) error {
	values := map[string]string{}
	if err := toml.Unmarshal(data, &values); err != nil {
		return fmt.Errorf("reading what it sets: %w", err)
	}
	for name, value := range values {
		if !nameGrammar.MatchString(name) {
			return fmt.Errorf("reading what it sets: %q is not the name of a variable", name)
		}
		if strings.ContainsRune(value, 0) {
			return fmt.Errorf("reading what it sets: the value of %s has a NUL character", name)
		}
	}
	maps.Copy(set, values)
	return nil
}
