package sandbox

import (
	"maps"
	"slices"
)

// Environ lists an environment as "NAME=value", sorted, as [Spec] takes it.
func Environ(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}
