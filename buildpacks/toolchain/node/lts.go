package node

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"slugc/buildpacks/toolchain/source"
	"slugc/detect/nodelts"
)

// ltsStart is the day from which a major of Node is an LTS line, by Node's published schedule
// (https://github.com/nodejs/Release#release-schedule). ok is false for a major that never is one.
//
// Up to 26 the even majors are LTS lines: 4 was released in 2015, and since then one even major
// each April. From 27 on every major is, released in April of the year it is named for. Each
// becomes LTS at the end of its October.
func ltsStart(major int) (day time.Time, ok bool) {
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
func ltsMajors(l source.Listing, now time.Time) []int {
	done := map[int]bool{}
	var majors []int
	for _, v := range source.Descending(l.Versions, source.CompareSemver) {
		m := source.Major(v)
		if done[m] || strings.Contains(v, "-") {
			continue
		}
		if l.Codenames != nil {
			// A line's first releases come before it is LTS, so any release that is LTS will do.
			if l.Codenames[v] == "" {
				continue
			}
		} else if day, ok := ltsStart(m); !ok || now.Before(day) {
			continue
		}
		done[m] = true
		majors = append(majors, m)
	}
	return majors
}

// ltsName is the part of "lts", "lts/*", "lts/-1" or "lts/‹codename›" that chooses the line.
func ltsName(alias string) string { return strings.TrimPrefix(strings.TrimPrefix(alias, "lts"), "/") }

// ltsMajor resolves an alias to a major of the listing.
func ltsMajor(l source.Listing, alias string, now time.Time) (int, bool) {
	majors := ltsMajors(l, now)
	name := ltsName(alias)
	if name == "" || name == "*" {
		name = "0"
	}
	if back, err := strconv.Atoi(name); err == nil {
		if back > 0 || -back >= len(majors) {
			return 0, false
		}
		return majors[-back], true
	}
	for v, codename := range l.Codenames {
		if strings.EqualFold(codename, name) {
			return source.Major(v), true
		}
	}
	return nodelts.Major(name)
}

// checkAlias refuses a name that no source can know.
func checkAlias(alias string) error {
	if name := ltsName(alias); name != "" && name != "*" && !isName(name) {
		return fmt.Errorf("%q is not the name of an LTS line", name)
	}
	return nil
}

// isName reports whether a text is lower-case letters, or a number that is not positive.
func isName(s string) bool {
	if n, err := strconv.Atoi(s); err == nil {
		return n <= 0
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}
