package launch

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/procfile"
)

// StartOptions are a formation.
type StartOptions struct {
	Self       string             // as in RunOptions
	Dir        string             // the unpacked app, absolute: HOME and the working directory of all
	Processes  []procfile.Process // all entries, in the Procfile's order, which the ports depend on
	Formation  map[string]int     // type → how many; a type not in it is not run, and "release" never is
	BasePort   int                // as in Layout
	Env        []string           // config vars, K=V
	Out        io.Writer          // all lines of all processes, and the console's own; one call at a time
	Color      bool               // names in colours
	Timestamps bool               // HH:MM:SS before each line
	Record     Record             // may be nil
	Timeout    time.Duration      // from SIGTERM to SIGKILL; 0 is 5 s
	CanDie     []string           // types that may end without stopping the others; "all"
	Restart    []string           // types that are started again when they end; "all"
	Backoff    time.Duration      // before the first restart, doubled for each further one up to 32 times; 0 is 1 s
	Signals    <-chan os.Signal   // to pass on to all; may be nil
	Kill       <-chan struct{}    // when closed, everything is killed at once; may be nil
}

// The defaults, foreman's where it has any.
const (
	defaultTimeout = 5 * time.Second
	defaultBackoff = time.Second
	maxDoublings   = 5
)

// Start runs a formation as foreman does until all of it has ended. PORT is as [Layout] says, and
// each process has a line prefix of its own. The first process to end stops all the others, and its
// exit code is returned (128+n when signal n ended it), unless its type is in CanDie or Restart;
// when all were free to end, it is the first code that is not 0. When ctx ends, all get SIGTERM,
// Timeout, and SIGKILL. The error is a usage error, about starting, or about the writer.
func Start(ctx context.Context, o StartOptions) (exitCode int, err error) {
	o.defaults()
	instances, err := o.instances()
	if err != nil {
		return 0, err
	}
	f := newForeman(o, instances)
	for _, i := range instances {
		if err := f.start(i); err != nil {
			f.fail(err)
			break
		}
	}
	f.watch(ctx)
	if f.err == nil {
		f.err = f.console.Failure()
	}
	return f.code, f.err
}

func (o *StartOptions) defaults() {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Backoff == 0 {
		o.Backoff = defaultBackoff
	}
}

// instance is one process of the formation, whichever time it runs.
type instance struct {
	name    string // web.1
	typ     string
	number  int // from 1
	place   int // of the type in the Procfile
	options RunOptions
	backoff Backoff
}

// instances lays out the formation, in the order of the Procfile.
func (o *StartOptions) instances() ([]*instance, error) {
	for _, name := range slices.Concat(o.CanDie, o.Restart) {
		if name != "all" && !known(name, o.Processes) {
			return nil, fault.UsageError(
				"launch/unknown-type",
				fmt.Errorf("starting: there is no process type %q", name),
				"there are: "+strings.Join(names(o.Processes), ", "),
			)
		}
	}
	places, err := Layout(o.Processes, o.Formation, o.BasePort)
	if err != nil {
		return nil, err
	}
	list := make([]*instance, len(places))
	for i, p := range places {
		list[i] = &instance{
			name: p.Name(), typ: p.Type, number: p.Number, place: p.Index, backoff: Backoff{First: o.Backoff},
			options: RunOptions{Self: o.Self, Dir: o.Dir, Command: p.Command, Env: o.Env, Port: p.Port, Dyno: p.Name(),
				// What the foreman kills after Timeout, and says so, is not to be killed silently
				// before.
				Grace: o.Timeout + time.Second},
		}
	}
	return list, nil
}
