package launch

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"slugc/compiler/fault"
	"slugc/compiler/procfile"
)

// releaseType is run once for a release and is no part of any formation.
const releaseType = "release"

// most is the most instances of one type: with more, the ports of one type would run into those of
// the next.
const most = 100

// ParseFormation reads how many of each type to run: "all=1,web=2". "all" is for every type that is
// not named, and 0 when it is not given. An unknown type, one named twice, the type release, and a
// number that is none or not within 0 and 100 are usage errors.
func ParseFormation(spec string, types []procfile.Process) (map[string]int, error) {
	counts := map[string]int{}
	all := 0
	seen := map[string]bool{}
	for _, part := range strings.Split(spec, ",") {
		name, number, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found {
			return nil, mistake(
				spec,
				fmt.Errorf("%q is not TYPE=NUMBER", part),
				"write how many of each type to run, such as web=1,worker=2",
			)
		}
		n, err := strconv.Atoi(number)
		switch {
		case err != nil || n < 0 || n > most:
			return nil, mistake(
				spec,
				fmt.Errorf("%q is not a number from 0 to %d", number, most),
				"write how many of each type to run, such as web=1,worker=2",
			)
		case seen[name]:
			return nil, mistake(spec, fmt.Errorf("%q is given twice", name), "name each type once")
		case name == releaseType:
			return nil, mistake(
				spec,
				errors.New(`the type "release" runs at a release, and in no formation`),
				"leave release out of -m",
			)
		case name != "all" && !known(name, types):
			return nil, mistake(
				spec,
				fmt.Errorf("there is no process type %q", name),
				"there are: "+strings.Join(names(types), ", "),
			)
		}
		if seen[name] = true; name == "all" {
			all = n
		} else {
			counts[name] = n
		}
	}
	for _, p := range types {
		if !seen[p.Type] && p.Type != releaseType {
			counts[p.Type] = all
		}
	}
	return counts, nil
}

func mistake(spec string, err error, hints ...string) error {
	return fault.UsageError("launch/formation", fmt.Errorf("reading the formation %q: %w", spec, err), hints...)
}

func known(name string, types []procfile.Process) bool {
	return slices.ContainsFunc(types, func(p procfile.Process) bool { return p.Type == name })
}

func names(types []procfile.Process) []string {
	var list []string
	for _, p := range types {
		if p.Type != releaseType {
			list = append(list, p.Type)
		}
	}
	return list
}
