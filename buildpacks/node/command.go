package node

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
)

// tool runs a command of a package manager in the app's root, its output passed on. When it fails, the error is a diagnosis: one of the
// known ones, or id with the command, its exit status and the last lines.
func (b *work) tool(id string, argv ...string) error {
	program, err := b.look(argv[0])
	if err != nil {
		return err
	}
	out := &stream{out: b.say.out, drop: noise}
	cmd := exec.CommandContext(b.ctx, program, argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = b.dir, b.env.list(), out, out
	err = cmd.Run()
	if closed := out.Close(); err == nil && closed != nil {
		return fmt.Errorf("running %q: %w", strings.Join(argv, " "), closed)
	}
	if err == nil {
		return nil
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return fmt.Errorf("running %q: %w", strings.Join(argv, " "), err)
	}
	if d := diagnosis.Recognise(b.patterns(), out.last()); d != nil {
		return d
	}
	return unrecognised(id, strings.Join(argv, " "), exit.String(), out.last())
}

// quiet runs a command whose output and failure concern nobody but the caller.
func (b *work) quiet(argv ...string) error {
	program, err := b.look(argv[0])
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(b.ctx, program, argv[1:]...)
	cmd.Dir, cmd.Env = b.dir, b.env.list()
	return cmd.Run()
}

// unrecognised is the diagnosis of a failure that no pattern knows.
func unrecognised(id, command, status string, tail []byte) *diagnosis.Diagnosis {
	d := &diagnosis.Diagnosis{ID: id, Summary: fmt.Sprintf("`%s` failed (%s).", command, status)}
	if status == "signal: killed" || status == "exit status 137" { // 137: a shell's word for the same
		d.ID = "node/out-of-memory"
		d.Summary = fmt.Sprintf("`%s` was killed, most likely because memory ran out.", command)
		d.Hints = []string{"give the build more memory, or lower NODE_OPTIONS=--max_old_space_size"}
		return d
	}
	lines := strings.Split(strings.TrimSpace(string(bytes.ToValidUTF8(tail, nil))), "\n")
	for _, line := range slices.Backward(lines) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "info Visit ") || strings.HasPrefix(line, "at ") {
			continue
		}
		if d.Hints = append(d.Hints, "it said: "+line[:min(len(line), 300)]); len(d.Hints) == 5 {
			break
		}
	}
	slices.Reverse(d.Hints)
	return d
}

// look finds a program on the build's own PATH, which is not this process's.
func (b *work) look(name string) (string, error) { return lookIn(b.env.vars["PATH"], name) }

func lookIn(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if program, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("running %q: not found on PATH", name)
}

// noise reports lines that speak of settings of ours and mean nothing to the app's owner.
func noise(line []byte) bool {
	if bytes.Contains(line, []byte("Log files were not written due to")) {
		return true
	}
	_, setting, found := bytes.Cut(line, []byte(`Unknown env config "`))
	name, _, _ := bytes.Cut(setting, []byte(`"`))
	return found && slices.Contains([]string{"nodedir", "store-dir", "package-import-method", "side-effects-cache", "manage-package-manager-versions"}, string(name))
}
