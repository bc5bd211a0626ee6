// Command child stands for the slugc binary in tests: it does the work of sandboxed children, and
// runs one itself when asked, so that tests can run one as another user.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"slugc/compiler/sandbox"
)

type request struct {
	Probe sandbox.ProbeOptions
	Spec  sandbox.Spec
}

func main() {
	sandbox.ChildMain(os.Args)
	var r request
	if err := json.NewDecoder(os.Stdin).Decode(&r); err != nil {
		fail(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	box, err := sandbox.Probe(ctx, r.Probe)
	if err != nil {
		fail(err)
	}
	r.Spec.Stdout, r.Spec.Stderr = os.Stdout, os.Stderr
	if err := box.Run(ctx, r.Spec); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
