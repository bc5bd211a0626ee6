// Command child stands for the slugc binary in tests: it supervises, and starts a formation of one process so that tests can kill it.
package main

import (
	"context"
	"fmt"
	"os"

	"slugc/compiler/launch"
	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
)

func main() {
	sandbox.ChildMain(os.Args)
	self, dir, command := os.Args[1], os.Args[2], os.Args[3]
	_, err := launch.Start(context.Background(), launch.StartOptions{
		Self: self, Dir: dir, Processes: []procfile.Process{{Type: "web", Command: command}}, Formation: map[string]int{"web": 1}, Out: os.Stdout,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
