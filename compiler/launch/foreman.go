package launch

import (
	"context"
	"slices"
	"syscall"
	"time"
)

// foreman is a running formation. All but the console is its watching goroutine's.
type foreman struct {
	o        StartOptions
	console  *Console
	running  map[*instance]*Process
	waiting  int // instances that will be restarted
	ended    chan ending
	again    chan *instance
	stopping bool
	killing  <-chan time.Time
	decided  bool // code is the answer
	code     int
	err      error
}

// ending is one process that has ended, with nothing left of it.
type ending struct {
	instance *instance
	code     int
	how      string
	err      error
}

func newForeman(o StartOptions, instances []*instance) *foreman {
	console := NewConsole(o.Out, o.Color, o.Timestamps)
	for _, i := range instances {
		console.Widen(i.typ, i.number)
	}
	return &foreman{
		o:       o,
		console: console,
		running: map[*instance]*Process{},
		ended:   make(chan ending),
		again:   make(chan *instance, len(instances)), // room for all: nobody may be listening any more
	}
}

// start starts an instance, its output going to the console.
func (f *foreman) start(i *instance) error {
	process, err := f.console.Start(Member{Name: i.name, Place: i.place, Record: f.o.Record}, i.options)
	if err != nil {
		return err
	}
	f.running[i] = process
	go func() {
		code, how, err := process.Wait()
		f.ended <- ending{i, code, how, err}
	}()
	return nil
}

// watch returns when nothing runs and nothing will.
func (f *foreman) watch(ctx context.Context) {
	cancelled := ctx.Done()
	for len(f.running) > 0 || (f.waiting > 0 && !f.stopping) {
		select {
		case e := <-f.ended:
			f.end(e)
		case i := <-f.again:
			f.waiting--
			if f.stopping {
				continue
			}
			if err := f.start(i); err != nil {
				f.fail(err)
			}
		case <-cancelled:
			cancelled = nil
			f.stop()
		case <-f.killing:
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

// end says how a process ended, and draws the consequence.
func (f *foreman) end(e ending) {
	process := f.running[e.instance]
	delete(f.running, e.instance)
	process.Say(e.how)
	if e.err != nil {
		f.fail(e.err)
		return
	}
	if !f.stopping && among(e.instance.typ, f.o.Restart) {
		f.restart(e.instance, process)
		return
	}
	if free := among(e.instance.typ, f.o.CanDie); !f.stopping && free {
		if f.code == 0 {
			f.code = e.code
		}
		return
	}
	if !f.decided {
		f.decided, f.code = true, e.code
	}
	f.stop()
}

// restart starts the instance again after a pause.
func (f *foreman) restart(i *instance, last *Process) {
	pause := i.backoff.Next(time.Since(last.Began))
	f.waiting++
	last.Say("starting again in " + pause.String())
	time.AfterFunc(pause, func() { f.again <- i })
}

func (f *foreman) stop() {
	if f.stopping {
		return
	}
	f.stopping = true
	if len(f.running) > 0 {
		f.system("sending SIGTERM to all processes")
		f.signal(syscall.SIGTERM)
		f.killing = time.After(f.o.Timeout)
	}
}

func (f *foreman) kill() {
	f.killing = nil
	f.system("sending SIGKILL to all processes")
	f.signal(syscall.SIGKILL)
}

func (f *foreman) system(text string) {
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

// fail stops all because of slugc itself.
func (f *foreman) fail(err error) {
	if f.err == nil {
		f.err = err
	}
	f.stop()
}

func among(typ string, list []string) bool {
	return slices.Contains(list, typ) || slices.Contains(list, "all")
}
