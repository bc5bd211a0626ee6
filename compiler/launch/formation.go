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

// releaseType runs once at a release (Heroku's release phase) and is in no formation.
const releaseType = "release"

// ParseFormation reads how many instances of each type to run, as foreman's -m: "all=1,web=2". "all" is the
// number for every type that is not named; without it that number is 0. A usage error ("launch/formation")
// is an unknown type, one named twice, the type release, and what is not a number from 0 to
// [procfile.MaxInstances].
func ParseFormation(spec string, types []procfile.Process) (map[string]int, error) {
	counts := map[string]int{}
	for _, part := range strings.Split(spec, ",") {
		name, count, err := parseCount(part)
		if err != nil {
			return nil, formationError(spec, err, "write how many of each type to run, such as web=1,worker=2")
		}
		_, twice := counts[name]
		switch {
		case twice:
			return nil, formationError(spec, fmt.Errorf("%q is given twice", name), "name each type once")
		case name == releaseType:
			return nil, formationError(spec, errors.New(`the type "release" runs at a release, and in no formation`),
				"leave release out of -m")
		case name != "all" && !hasType(types, name):
			return nil, formationError(spec, fmt.Errorf("there is no process type %q", name), listTypes(types))
		}
		counts[name] = count
	}
	all := counts["all"]
	delete(counts, "all")
	for _, p := range types {
		if _, named := counts[p.Type]; !named && p.Type != releaseType {
			counts[p.Type] = all
		}
	}
	return counts, nil
}

// parseCount reads "web=2".
func parseCount(part string) (name string, count int, err error) {
	name, number, found := strings.Cut(strings.TrimSpace(part), "=")
	if !found {
		return "", 0, fmt.Errorf("%q is not TYPE=NUMBER", part)
	}
	count, err = strconv.Atoi(number)
	if err != nil || count < 0 || count > procfile.MaxInstances {
		return "", 0, fmt.Errorf("%q is not a number from 0 to %d", number, procfile.MaxInstances)
	}
	return name, count, nil
}

func formationError(spec string, err error, hint string) error {
	return fault.UsageError("launch/formation", fmt.Errorf("reading the formation %q: %w", spec, err), hint)
}

func hasType(types []procfile.Process, name string) bool {
	return slices.ContainsFunc(types, func(p procfile.Process) bool { return p.Type == name })
}

// listTypes is the hint that names the process types of a formation.
func listTypes(types []procfile.Process) string {
	var names []string
	for _, p := range types {
		if p.Type != releaseType {
			names = append(names, p.Type)
		}
	}
	return "there are: " + strings.Join(names, ", ")
}
