package sandbox

import (
	"bytes"
	"context"
	"fmt"

	"slugc/compiler/sandbox/supervise"
)

// Step returns the start of a command line by which a child with Spec.Steps runs a program as one of its
// steps, with the network or without it; the program's absolute path and arguments follow. It is nil where
// the program is run as it is, and where the network cannot be taken from it.
func (s *Sandbox) Step(offline bool) []string {
	if s.self == "" || (!offline && s.level != Bubblewrap) {
		return nil
	}
	return supervise.Step(s.self, offline)
}

// The values that [Sandbox.Offline] returns.
const (
	ByNamespace = "namespace" // a step has loopback
	ByFilter    = "filter"    // a step can make no IPv4 and IPv6 sockets
)

// Offline says by what the network is taken from a step, [ByNamespace] or [ByFilter], as a trial run shows.
// The error says why it cannot be taken, or is the context's cause.
func (s *Sandbox) Offline(ctx context.Context) (string, error) {
	if s.Step(true) == nil {
		return "", fmt.Errorf("taking the network from a step: it needs Linux and the path of the slugc binary")
	}
	const script = `outside=$(readlink /proc/self/ns/net)
inside=$("$@" /bin/sh -c 'readlink /proc/self/ns/net') || exit 1
[ "$outside" = "$inside" ] && echo ` + ByFilter + ` || echo ` + ByNamespace
	var out bytes.Buffer
	err := s.Run(ctx, Spec{
		Args: append([]string{"/bin/sh", "-c", script, "sh"}, s.Step(true)...), Dir: "/",
		Env: []string{"PATH=/usr/bin:/bin"}, Binds: []Bind{{Host: s.self, Inside: s.self}},
		Network: true, Steps: true, Stdout: &out, Stderr: &out,
		Limits: Limits{Deadline: probeTimeout, Log: 64 << 10, Processes: probeProcesses},
	})
	if err != nil {
		return "", fmt.Errorf("taking the network from a step: %s", firstLine(out.String(), err))
	}
	return firstLine(out.String(), nil), nil
}
