package detect

import (
	"fmt"
	"slices"
	"strings"
)

// lockfiles maps each lock file to the manager that writes it, in the order of their listing.
var lockfiles = []struct{ file, manager string }{
	{"package-lock.json", "npm"},
	{"npm-shrinkwrap.json", "npm"},
	{"yarn.lock", "yarn"},
	{"pnpm-lock.yaml", "pnpm"},
	{"bun.lock", "bun"},
	{"bun.lockb", "bun"},
}

func lockManager(file string) string {
	for _, l := range lockfiles {
		if l.file == file {
			return l.manager
		}
	}
	return ""
}

func lockOf(manager string) string {
	for _, l := range lockfiles {
		if l.manager == manager {
			return l.file
		}
	}
	return ""
}

// nodeLocks lists the lock files at the root. It is an error if several managers wrote them, or
// another manager than the pinned one.
func (s *scan) nodeLocks(pin *managerPin) ([]string, error) {
	var locks []string
	managers := map[string]bool{}
	for _, l := range lockfiles {
		if s.isFile(l.file) {
			locks = append(locks, l.file)
			managers[l.manager] = true
		}
	}
	bothOfNPM := slices.Contains(locks, "package-lock.json") && slices.Contains(locks, "npm-shrinkwrap.json")
	if len(managers) > 1 || bothOfNPM {
		return nil, lockConflict(locks, pin)
	}
	if pin != nil && len(locks) > 0 && !managers[pin.name] {
		return nil, pinConflict(locks, pin)
	}
	return locks, nil
}

// pinConflict reports a lock file of another manager than the pinned one.
func pinConflict(locks []string, pin *managerPin) *Error {
	other := lockManager(locks[0])
	return &Error{
		ID: "node/package-manager-conflict", Place: "package.json packageManager",
		Summary: fmt.Sprintf("package.json packageManager asks for %s and the only lock file, %s, is %s's",
			pin.name, locks[0], other),
		Hints: []string{
			fmt.Sprintf("to use %[1]s: run `%[1]s install`, then `git rm %[2]s` and commit %[3]s", pin.name,
				strings.Join(locks, " "), lockOf(pin.name)),
			fmt.Sprintf("to use %s: name its version in packageManager, or remove the field", other),
		},
	}
}

// lockConflict reports several lock files. A hint for each says how to keep it; with a pin, only
// the pinned manager's are suggested, if there are any.
func lockConflict(locks []string, pin *managerPin) *Error {
	keep := locks
	if pin != nil {
		isOther := func(file string) bool { return lockManager(file) != pin.name }
		if own := slices.DeleteFunc(slices.Clone(locks), isOther); len(own) > 0 {
			keep = own
		}
	}
	e := &Error{
		ID: "node/lockfile-conflict", Place: locks[0],
		Summary: "More than one package manager's lock file is committed: " + strings.Join(locks, ", "),
	}
	for _, file := range keep {
		if file == "bun.lockb" && slices.Contains(keep, "bun.lock") {
			continue
		}
		var others []string
		for _, other := range locks {
			if other != file && !(file == "bun.lock" && other == "bun.lockb") {
				others = append(others, other)
			}
		}
		e.Hints = append(e.Hints, fmt.Sprintf("to use %s with %s: run `git rm %s` and commit",
			lockManager(file), file, strings.Join(others, " ")))
	}
	return e
}
