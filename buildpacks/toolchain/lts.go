package toolchain

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"slugc/detect/nodelts"
)

// ltsFrom is the day from which a major of Node is an LTS line, by Node's published schedule: up to
// 26 the even majors, released in April (4 in 2015, then one even major a year), and from 27 every
// major, released in April of the year it is named for; each becomes LTS at the end of its October.
// ok is false for a major that never does.
func ltsFrom(major int) (day time.Time, ok bool) {
	year := 2000 + major
	if major < 27 {
		if major < 4 || major%2 != 0 {
			return time.Time{}, false
		}
		year = 2013 + major/2
	}
	return time.Date(year, time.October, 28, 0, 0, 0, 0, time.UTC), true
}

// ltsMajors are the LTS lines among a listing's versions, newest first: by the source's own word
// where it knows, else by the schedule.
func ltsMajors(l *listing, now time.Time) []int {
	seen := map[int]bool{}
	var majors []int
	for _, v := range descending(l.versions, compareSemver) {
		m := major(v)
		if seen[m] || strings.Contains(v, "-") {
			continue
		}
		if l.lts != nil {
			// A line's first releases come before it is LTS: any release that is makes the line
			// one.
			if l.lts[v] == "" {
				continue
			}
		} else if day, ok := ltsFrom(m); !ok || now.Before(day) {
			continue
		}
		seen[m] = true
		majors = append(majors, m)
	}
	return majors
}

// ltsMajor resolves "lts", "lts/*", "lts/-1" or "lts/‹codename›" to a major of the listing.
func ltsMajor(l *listing, alias string, now time.Time) (int, bool) {
	majors := ltsMajors(l, now)
	name := strings.TrimPrefix(strings.TrimPrefix(alias, "lts"), "/")
	if name == "" || name == "*" {
		if len(majors) == 0 {
			return 0, false
		}
		return majors[0], true
	}
	if back, err := strconv.Atoi(name); err == nil {
		if back > 0 || -back >= len(majors) {
			return 0, false
		}
		return majors[-back], true
	}
	for v, codename := range l.lts {
		if strings.EqualFold(codename, name) {
			return major(v), true
		}
	}
	return nodelts.Major(name)
}

// checkAlias refuses a codename that no source can know.
func checkAlias(alias string) error {
	name := strings.TrimPrefix(strings.TrimPrefix(alias, "lts"), "/")
	if name != "" && name != "*" && !isName(name) {
		return fmt.Errorf("%q is not the name of an LTS line", name)
	}
	return nil
}

func isName(s string) bool {
	if n, err := strconv.Atoi(s); err == nil {
		return n <= 0
	}
	for _, r := range s {
		if r < 'a' || r > 'z' {
			return false
		}
	}
	return true
}
