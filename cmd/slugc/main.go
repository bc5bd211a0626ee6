// Command slugc turns a Ruby, Node.js, Go or Clojure source tree into a runnable, reproducible slug
// and registers it as a release.
//
// There is one file a command family. Only this package reads the environment, the working directory
// and arguments, prints, and exits; only ui.go prints.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"slugc/buildpacks"
	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
)

func main() { os.Exit(Main()) }

// Main runs slugc and returns the exit code. The same binary is the sandbox's helper process and the
// bin/build of every built-in buildpack; its arguments say which of them it is.
func Main() int {
	sandbox.ChildMain(os.Args)
	if buildpacks.Main(os.Args) {
		return 0
	}
	log.SetOutput(io.Discard) // of libraries; what matters is returned as an error
	ctx, stop := interruptible()
	defer stop()
	c := newCLI()
	c.release = stop
	err := c.root().ExecuteContext(ctx)
	c.closeCoordinator()
	return c.conclude(ctx, err)
}

// errInterrupted is the cause of a context that a signal cancelled.
var errInterrupted = errors.New("interrupted")

// interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP cancels; a second one
// ends the process at once. The returned function restores the default handling.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		if _, ok := <-signals; ok {
			cancel(errInterrupted)
		}
		if _, ok := <-signals; ok {
			os.Exit(fault.ExitInterrupted)
		}
	}()
	return ctx, func() { signal.Stop(signals) }
}
