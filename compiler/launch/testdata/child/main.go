// Command child stands for the slugc binary in tests: it supervises, and runs a process on its
// terminal or starts a formation of one, so that tests can give it a terminal or kill it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"slugc/compiler/launch"
	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
)

func main() {
	sandbox.ChildMain(os.Args)
	how, self, dir, command := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	code, err := 0, error(nil)
	if how == "run" {
		// As slugc's own main does, so that the terminal's SIGINT is the process's affair.
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
		code, err = launch.Run(context.Background(), launch.RunOptions{
			Self: self, Dir: dir, Command: command, Terminal: "xterm", Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		})
	} else {
		code, err = launch.Start(context.Background(), launch.StartOptions{
			Self: self, Dir: dir, Processes: []procfile.Process{{Type: "web", Command: command}}, Formation: map[string]int{"web": 1}, Out: os.Stdout,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
