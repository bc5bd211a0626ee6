// Package nodelts knows Node's lines of long-term support (LTS): their codenames and the days they
// start.
//
//	major, ok := nodelts.Line("iron") // 20, true
//
// The source is Node's release schedule, https://github.com/nodejs/release#release-schedule. The
// package knows no single version: which one a line stands for is for a source of Node to say.
package nodelts

import "time"

// lines are the majors by codename.
var lines = map[string]int{
	"argon": 4, "boron": 6, "carbon": 8, "dubnium": 10, "erbium": 12, "fermium": 14,
	"gallium": 16, "hydrogen": 18, "iron": 20, "jod": 22, "krypton": 24,
}

// Line returns the major that a codename, in lower case, names. ok is false for a name that is not
// known here; a newer line may have it.
func Line(codename string) (major int, ok bool) {
	major, ok = lines[codename]
	return major, ok
}

// Start returns the day from which a major is an LTS line, by the published schedule. ok is false
// for a major that never is one.
//
// Up to 26 the even majors are LTS lines. 4 was released in 2015, and since then one even major
// each April. From 27 on every major is, released in April of the year it is named for. Each
// becomes LTS at the end of its October.
func Start(major int) (day time.Time, ok bool) {
	year := 2000 + major
	if major < 27 {
		if major < 4 || major%2 != 0 {
			return time.Time{}, false
		}
		year = 2013 + major/2
	}
	return time.Date(year, time.October, 28, 0, 0, 0, 0, time.UTC), true
}
