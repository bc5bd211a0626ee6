package ruby

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// call is one run of a program in the app's root.
type call struct {
	argv   []string
	all    bool      // with all of the user's configuration, for the app's own programs
	stdout io.Writer // takes standard output, which is then not shown
	waits  bool      // on the network
	script bool      // it is the app's, and needs no network
	quiet  bool      // show nothing
	drop   func(line string) bool
}

// run runs a program and shows its output. It returns the end of that output; the error of a
// program that fails is a [*command.Failure].
func (b *work) run(c call) ([]byte, error) {
	shown := strings.Join(append([]string{filepath.Base(c.argv[0])}, c.argv[1:]...), " ")
	program := c.argv[0]
	if program == "bundle" && b.bundleAt != "" {
		program = b.bundleAt
	} else if program = b.env.look(program); program == "" {
		return nil, fmt.Errorf("running %q: not found on PATH", shown)
	}
	network, stuck := "", command.Stuck(nil)
	if c.waits {
		network = "ruby/network"
	}
	if c.script {
		stuck = command.Hangs("ruby")
	}
	return b.Log.Run(b.Context,
		command.Command{Program: program, Args: c.argv[1:], Shown: shown, Dir: b.Dir, Env: b.env.list(c.all),
			Stdout: c.stdout, Quiet: c.quiet, Network: network, Asks: b.sources(), Stuck: stuck,
			Offline: c.script, Drop: c.drop})
}

// sources names the hosts of the gem sources.
func (b *work) sources() string {
	if b.env.mirror != "" {
		return command.Hosts(b.env.mirror)
	}
	var remotes []string
	for _, source := range b.app.Lock.Sources {
		remotes = append(remotes, source.Remotes...)
	}
	return command.Hosts(remotes...)
}

// errorLine returns the line of a failure's output that names the cause: the one after "ERROR:" or
// "aborted!", else the last.
func errorLine(f *command.Failure) string {
	lines := f.Lines(backtrace.MatchString)
	for i, line := range lines {
		switch {
		case strings.HasSuffix(line, "aborted!") && i+1 < len(lines):
			return lines[i+1]
		case strings.HasPrefix(line, "ERROR:") && strings.Contains(line, "While executing gem") && i+1 < len(lines):
			return lines[i+1]
		case strings.HasPrefix(line, "ERROR:"):
			return strings.TrimSpace(strings.TrimPrefix(line, "ERROR:"))
		}
	}
	if len(lines) == 0 {
		return f.Status
	}
	return lines[len(lines)-1]
}

// diagnose turns a command's failure into a diagnosis: a known one, or id with the command, its
// status and its last lines.
func diagnose(id string, err error, known []diagnosis.Pattern) error {
	return command.Explain(err, known, unknown(id))
}

// unknown describes a failure that no pattern recognises.
func unknown(id string) command.Unknown {
	return command.Unknown{
		ID:     id,
		Memory: "give the build more memory, or set BUNDLE_JOBS=1 so that fewer gems are compiled at once",
		Noise:  backtrace.MatchString,
	}
}
