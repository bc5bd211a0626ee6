package node

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"slugc/buildpacks/command"
)

// tool runs a command of a package manager in the project and shows its output. It is one that needs no
// network: a script, or what comes after the scripts, which may have left settings of the package manager.
// The error of a command that fails is a diagnosis: that of a pattern, or the unknown one.
func (b *work) tool(unknown command.Unknown, argv ...string) error {
	return b.toolIn(b.inProject("."), unknown, argv...)
}

// toolIn is tool in another directory.
func (b *work) toolIn(dir string, unknown command.Unknown, argv ...string) error {
	_, err := b.run(command.Command{Dir: dir, Drop: noise, Offline: true, Stuck: command.Hangs("node")}, argv)
	return b.explain(err, unknown)
}

// quiet is like tool and shows nothing of the command.
func (b *work) quiet(argv ...string) error {
	_, err := b.run(command.Command{Quiet: true, Offline: true}, argv)
	return err
}

// run runs a command, in the project unless it names another directory.
func (b *work) run(c command.Command, argv []string) ([]byte, error) {
	c.Shown = strings.Join(argv, " ")
	if c.Program = b.env.vars.Look(argv[0]); c.Program == "" {
		return nil, fmt.Errorf("running %q: not found on PATH", c.Shown)
	}
	c.Args, c.Dir, c.Env = argv[1:], cmp.Or(c.Dir, b.inProject(".")), b.env.vars.List()
	return b.Log.Run(b.Context, c)
}

// unknown describes a step's failure that no pattern recognises.
func unknown(id string, hints ...string) command.Unknown {
	return command.Unknown{
		ID:     id,
		Hints:  hints,
		Memory: "give the build more memory, or lower NODE_OPTIONS=--max_old_space_size",
		Noise:  uninformative,
	}
}

// uninformative reports lines that do not explain a failure.
func uninformative(line string) bool {
	return noise(line) || strings.HasPrefix(line, "info Visit ") || strings.HasPrefix(line, "at ")
}

// reproduceHint says how the app's owner reproduces a failure.
func (b *work) reproduceHint(argv []string) string {
	return fmt.Sprintf(
		"run `%s` in a fresh clone with Node.js %s: what it needs must be committed, or named in package.json",
		strings.Join(argv, " "), b.node.Version,
	)
}

// ownSettings are npm settings that this buildpack makes and npm warns of.
var ownSettings = []string{
	"nodedir", "store-dir", "package-import-method", "side-effects-cache", "manage-package-manager-versions",
	"confirm-modules-purge",
}

// noise reports lines that warn of this buildpack's settings and mean nothing to the app's owner.
func noise(line string) bool {
	if strings.Contains(line, "Log files were not written due to") {
		return true
	}
	_, setting, found := strings.Cut(line, `Unknown env config "`)
	name, _, _ := strings.Cut(setting, `"`)
	return found && slices.Contains(ownSettings, name)
}
