package launch

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/procfile"
)

// StartOptions are a formation.
type StartOptions struct {
	Self       string             // as in RunOptions
	Dir        string             // the unpacked app, absolute: HOME and the working directory of all
	Directory  string             // as in RunOptions
	Mounts     []string           // as in RunOptions
	Tmp        string             // directory for the tmp of each instance, see [Unpacked.Tmp]; "": the app's
	Layers     *Layers            // as in RunOptions
	Processes  []procfile.Process // all entries, in the Procfile's order, which the ports depend on
	Formation  map[string]int     // instances by type; other types do not run, and "release" never does
	BasePort   int                // as in Layout
	Env        []string           // config vars, K=V
	Out        io.Writer          // all lines of all processes, and the console's own; one call at a time
	Color      bool               // names in colours
	Timestamps bool               // HH:MM:SS before each line
	Record     Record             // may be nil
	Timeout    time.Duration      // from SIGTERM to SIGKILL; 0 is 5 s, as in foreman
	CanDie     []string           // types whose end does not stop the others; "all" is every type
	Restart    []string           // types that are started again when they end; "all" is every type
	Backoff    time.Duration      // the first pause before a restart, see [Backoff]; 0 is 1 s
	Signals    <-chan os.Signal   // signals for all processes; may be nil
	Kill       <-chan struct{}    // when closed, everything is killed at once; may be nil
}

const (
	defaultTimeout = 5 * time.Second
	defaultBackoff = time.Second
)

// Start runs a formation as `foreman start` does, until all of it has ended. [Layout] says which PORT a
// process gets. Each line of output stands behind the name of its process.
//
// The first process to end stops all others, and Start returns its exit code (128+n when signal n ended
// it). A process whose type is in CanDie or Restart does not stop the others. When all that ended are in
// CanDie, Start returns the first code that is not 0. When ctx ends, all get SIGTERM and, after Timeout,
// SIGKILL. The error is a usage error, or about starting or the writer.
func Start(ctx context.Context, o StartOptions) (exitCode int, err error) {
	o.setDefaults()
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
		f.err = f.console.Err()
	}
	return f.code, f.err
}

func (o *StartOptions) setDefaults() {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Backoff == 0 {
		o.Backoff = defaultBackoff
	}
}

// instance is one process of the formation, over all its restarts.
type instance struct {
	Instance
	options RunOptions
	backoff Backoff
}

// instances lays out the formation.
func (o *StartOptions) instances() ([]*instance, error) {
	for _, name := range slices.Concat(o.CanDie, o.Restart) {
		if name != "all" && !hasType(o.Processes, name) {
			return nil, fault.UsageError("launch/unknown-type",
				fmt.Errorf("starting: there is no process type %q", name), listTypes(o.Processes))
		}
	}
	layout, err := Layout(o.Processes, o.Formation, o.BasePort)
	if err != nil {
		return nil, err
	}
	if len(layout) == 1 {
		o.Tmp = "" // nothing to keep apart
	}
	list := make([]*instance, len(layout))
	for i, p := range layout {
		list[i] = &instance{
			Instance: p,
			backoff:  Backoff{First: o.Backoff},
			options: RunOptions{
				Self: o.Self, Dir: o.Dir, Directory: o.Directory, Mounts: o.Mounts, Command: p.Command,
				Env: o.Env, Port: p.Port, Dyno: p.Name(),
				Tmp: tmpOf(o.Tmp, p.Name()), Layers: o.Layers,
				// The foreman kills after Timeout and says so. The supervisor must not be faster.
				Grace: o.Timeout + time.Second,
			},
		}
	}
	return list, nil
}
