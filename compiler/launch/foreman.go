package launch

import (
	"context"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slugc/compiler/sandbox/supervise"
)

// foreman is a running formation. All but the console is its watching goroutine's.
type foreman struct {
	o        StartOptions
	console  *console
	running  map[*instance]*supervise.Process
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
	status   supervise.Status
	err      error
}

func newForeman(o StartOptions, instances []*instance) *foreman {
	return &foreman{
		o:       o,
		console: &console{width: width(instances), color: o.Color, timestamps: o.Timestamps, out: o.Out},
		running: map[*instance]*supervise.Process{},
		ended:   make(chan ending),
		again:   make(chan *instance, len(instances)), // room for all: nobody may be listening any more
	}
}

// start starts an instance, its output going to the console.
func (f *foreman) start(i *instance) error {
	request, err := i.options.request()
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	request.Stdout, request.Stderr = write, write
	process, err := supervise.Start(request)
	write.Close()
	if err != nil {
		read.Close()
		return err
	}
	f.running[i], i.began = process, time.Now()
	f.console.line(i.name, i.color, []byte("started with pid "+strconv.Itoa(process.Pid)))
	copied := make(chan struct{})
	go func() {
		f.console.copy(read, i.name, i.color)
		close(copied)
	}()
	go func() {
		status, err := process.Wait()
		select {
		case <-copied:
		case <-time.After(draining):
		}
		read.Close()
		f.ended <- ending{i, status, err}
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
	delete(f.running, e.instance)
	text := "exited with code " + strconv.Itoa(e.status.Code)
	if e.status.Signal != 0 {
		text = "terminated by " + unix.SignalName(e.status.Signal)
	}
	f.console.line(e.instance.name, e.instance.color, []byte(text))
	if e.err != nil {
		f.fail(e.err)
		return
	}
	if !f.stopping && among(e.instance.typ, f.o.Restart) {
		f.restart(e.instance)
		return
	}
	if free := among(e.instance.typ, f.o.CanDie); !f.stopping && free {
		if f.code == 0 {
			f.code = e.status.Code
		}
		return
	}
	if !f.decided {
		f.decided, f.code = true, e.status.Code
	}
	f.stop()
}

// restart starts the instance again after a pause, which is the longer the more often it has ended soon.
func (f *foreman) restart(i *instance) {
	if time.Since(i.began) > f.o.Backoff<<maxDoublings {
		i.restarts = 0
	}
	pause := f.o.Backoff << min(i.restarts, maxDoublings)
	i.restarts++
	f.waiting++
	f.console.line(i.name, i.color, []byte("starting again in "+pause.String()))
	time.AfterFunc(pause, func() { f.again <- i })
}

func (f *foreman) stop() {
	if f.stopping {
		return
	}
	f.stopping = true
	if len(f.running) > 0 {
		f.console.system("sending SIGTERM to all processes")
		f.signal(syscall.SIGTERM)
		f.killing = time.After(f.o.Timeout)
	}
}

func (f *foreman) kill() {
	f.killing = nil
	f.console.system("sending SIGKILL to all processes")
	f.signal(syscall.SIGKILL)
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
