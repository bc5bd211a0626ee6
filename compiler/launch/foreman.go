package launch

import (
	"context"
	"slices"
	"syscall"
	"time"
)

// foreman is a running formation. Only the goroutine that calls watch uses it; the console alone is
// shared.
type foreman struct {
	o          StartOptions
	console    *Console
	running    map[*instance]*Process
	restarting int // instances that wait for their restart
	exits      chan exit
	restarts   chan *instance
	stopping   bool
	killAt     <-chan time.Time
	decided    bool // code is the result
	code       int
	err        error
}

// exit is the end of an instance's process and all its descendants.
type exit struct {
	instance *instance
	code     int
	how      string
	err      error
}

func newForeman(o StartOptions, instances []*instance) *foreman {
	console := NewConsole(o.Out, o.Color, o.Timestamps)
	for _, i := range instances {
		console.FitName(i.Type, i.Number)
	}
	return &foreman{
		o: o, console: console, running: map[*instance]*Process{}, exits: make(chan exit),
		// It has room for all, because watch may have returned when a pause ends.
		restarts: make(chan *instance, len(instances)),
	}
}

// start starts an instance, which writes to the console.
func (f *foreman) start(i *instance) error {
	process, err := f.console.Start(Label{Name: i.Name(), Index: i.Index, Record: f.o.Record}, i.options)
	if err != nil {
		return err
	}
	f.running[i] = process
	go func() {
		code, how, err := process.Wait()
		f.exits <- exit{i, code, how, err}
	}()
	return nil
}

// watch returns when no process runs and none will be started.
func (f *foreman) watch(ctx context.Context) {
	cancelled := ctx.Done()
	for len(f.running) > 0 || (f.restarting > 0 && !f.stopping) {
		select {
		case e := <-f.exits:
			f.handleExit(e)
		case i := <-f.restarts:
			f.restarting--
			if f.stopping {
				continue
			}
			if err := f.start(i); err != nil {
				f.fail(err)
			}
		case <-cancelled:
			cancelled = nil
			f.stop()
		case <-f.killAt:
			f.kill()
		case <-f.o.Kill:
			f.o.Kill = nil
			f.stopping = true
			f.kill()
		case s, ok := <-f.o.Signals:
			if sig, known := s.(syscall.Signal); known {
				f.signal(sig)
			}
			if !ok {
				f.o.Signals = nil
			}
		}
	}
}

// handleExit prints how a process ended. Then it restarts the process, ignores the end, or stops all
// others.
func (f *foreman) handleExit(e exit) {
	process := f.running[e.instance]
	delete(f.running, e.instance)
	process.Print(e.how)
	switch {
	case e.err != nil:
		f.fail(e.err)
	case !f.stopping && matches(e.instance.Type, f.o.Restart):
		f.restart(e.instance, process)
	case !f.stopping && matches(e.instance.Type, f.o.CanDie):
		if f.code == 0 {
			f.code = e.code
		}
	default:
		if !f.decided {
			f.decided, f.code = true, e.code
		}
		f.stop()
	}
}

// restart starts the instance again after a pause.
func (f *foreman) restart(i *instance, last *Process) {
	pause := i.backoff.Next(time.Since(last.Started))
	f.restarting++
	last.Print("starting again in " + pause.String())
	time.AfterFunc(pause, func() { f.restarts <- i })
}

func (f *foreman) stop() {
	if f.stopping {
		return
	}
	f.stopping = true
	if len(f.running) > 0 {
		f.print("sending SIGTERM to all processes")
		f.signal(syscall.SIGTERM)
		f.killAt = time.After(f.o.Timeout)
	}
}

func (f *foreman) kill() {
	f.killAt = nil
	f.print("sending SIGKILL to all processes")
	f.signal(syscall.SIGKILL)
}

func (f *foreman) print(text string) {
	f.console.System(text)
	if f.o.Record != nil {
		f.o.Record(System, true, []byte(text))
	}
}

func (f *foreman) signal(sig syscall.Signal) {
	for _, p := range f.running {
		p.Signal(sig)
	}
}

// fail stops all because of an error of slugc itself.
func (f *foreman) fail(err error) {
	if f.err == nil {
		f.err = err
	}
	f.stop()
}

// matches reports whether the list has the type, or "all".
func matches(typ string, list []string) bool {
	return slices.Contains(list, typ) || slices.Contains(list, "all")
}
