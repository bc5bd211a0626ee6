package launch

import (
	"errors"
	"fmt"
	"strconv"

	"slugc/compiler/fault"
	"slugc/compiler/procfile"
)

const defaultPort = 5000 // as in foreman

// Instance is one process of a formation.
type Instance struct {
	procfile.Process
	Index  int // the type's place among all process types
	Number int // from 1, among the instances of its type
	Port   int // PORT
}

// Name returns the value of DYNO and PS: "web.1".
func (i Instance) Name() string { return i.Type + "." + strconv.Itoa(i.Number) }

// perType is how many ports follow one another for a type, as in foreman.
const perType = 100

// Layout returns the instances of a formation in the order of processes, which are all entries of the
// Procfile. It leaves out types that are not in formation, and the type "release". As in foreman, PORT is
// basePort (0 is 5000) + 100 × the type's place in processes + the instance's number counted from 0. Where
// foreman's ports would be those of the next type, from the 101st instance on, the next hundred of the type
// begins behind the hundreds of all types, and so on: no two processes have the same port. An empty formation
// ("launch/empty-formation") and a port outside 1 to 65535 ("launch/port") are usage errors.
func Layout(processes []procfile.Process, formation map[string]int, basePort int) ([]Instance, error) {
	if basePort == 0 {
		basePort = defaultPort
	}
	var list []Instance
	for i, p := range processes {
		if p.Type == releaseType {
			continue
		}
		for n := range formation[p.Type] {
			port := basePort + perType*(i+len(processes)*(n/perType)) + n%perType
			if port < 1 || port > 65535 {
				return nil, fault.UsageError(
					"launch/port",
					fmt.Errorf("laying out the formation: the port of %q would be %d", p.Type, port),
					"choose another base port with -p",
				)
			}
			list = append(list, Instance{Process: p, Index: i, Number: n + 1, Port: port})
		}
	}
	if len(list) == 0 {
		return nil, fault.UsageError(
			"launch/empty-formation",
			errors.New("laying out the formation: it has no processes"),
			"say how many of each type with -m web=1",
		)
	}
	return list, nil
}
