// Package nodelts knows the code names of Node's long-term support (LTS) release lines. Version
// files use them: `lts/iron` in .nvmrc is Node 20.
//
//	major, ok := nodelts.Major("iron") // 20, true
//
// It does not know when a line becomes LTS, nor which release of a line is the newest: the release
// index of a Node source says so.
package nodelts

import "strings"

// majors are the lines named so far: https://github.com/nodejs/Release#release-schedule.
var majors = map[string]int{
	"argon":    4,
	"boron":    6,
	"carbon":   8,
	"dubnium":  10,
	"erbium":   12,
	"fermium":  14,
	"gallium":  16,
	"hydrogen": 18,
	"iron":     20,
	"jod":      22,
	"krypton":  24,
}

// Major returns the major version of the line with this code name, in any case; ok is false for a
// name that was not in use when slugc was built.
func Major(codename string) (major int, ok bool) {
	major, ok = majors[strings.ToLower(codename)]
	return major, ok
}
