package node

import (
	"fmt"
	"slices"
	"strings"

	"slugc/buildpacks/command"
)

// tool runs a command of a package manager in the app's root, its output passed on. When it fails,
// the error is a diagnosis: one of the known ones, or the unknown with the command, its exit status
// and the last lines.
func (b *work) tool(unknown command.Unknown, argv ...string) error {
	_, err := b.run(command.Command{Drop: noise}, argv)
	return command.Explain(err, b.patterns(), unknown)
}

// quiet runs a command whose output and failure concern nobody but the caller.
func (b *work) quiet(argv ...string) error {
	_, err := b.run(command.Command{Quiet: true}, argv)
	return err
}

func (b *work) run(c command.Command, argv []string) ([]byte, error) {
	c.Shown = strings.Join(argv, " ")
	if c.Program = command.Look(b.env.vars["PATH"], argv[0]); c.Program == "" {
		return nil, fmt.Errorf("running %q: not found on PATH", c.Shown)
	}
	c.Args, c.Dir, c.Env = argv[1:], b.dir, command.Environ(b.env.vars)
	return b.say.Run(b.ctx, c)
}

// unknown is what is said of a step's failure that no pattern knows; hints say what to do besides.
func unknown(id string, hints ...string) command.Unknown {
	return command.Unknown{
		ID:     id,
		Hints:  hints,
		Memory: "give the build more memory, or lower NODE_OPTIONS=--max_old_space_size",
		Noise:  saysNothing,
	}
}

// saysNothing reports lines that a failure is not explained by.
func saysNothing(line string) bool {
	return noise(line) || strings.HasPrefix(line, "info Visit ") || strings.HasPrefix(line, "at ")
}

// inClone says how the app's owner sees the same failure.
func (b *work) inClone(argv []string) string {
	return fmt.Sprintf(
		"run `%s` in a fresh clone with Node.js %s: what it needs must be committed, or named in package.json",
		strings.Join(argv, " "),
		b.node.Version,
	)
}

// noise reports lines that speak of settings of ours and mean nothing to the app's owner.
func noise(line string) bool {
	if strings.Contains(line, "Log files were not written due to") {
		return true
	}
	_, setting, found := strings.Cut(line, `Unknown env config "`)
	name, _, _ := strings.Cut(setting, `"`)
	return found &&
		slices.Contains(
			[]string{
				"nodedir",
				"store-dir",
				"package-import-method",
				"side-effects-cache",
				"manage-package-manager-versions",
			},
			name,
		)
}
