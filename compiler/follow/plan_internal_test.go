package follow

import (
	"strconv"
	"strings"
	"testing"

	"slugc/cache/digest"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

var types = procfile.ProcessMap{
	{Type: "web", Command: "w"},
	{Type: "release", Command: "r"},
	{Type: "worker", Command: "k"},
}

// snapshot reads "2 web=1 worker=0": version 2 with a formation. "" is no release.
func snapshot(text string) release.Snapshot {
	if text == "" {
		return release.Snapshot{}
	}
	words := strings.Fields(text)
	version, _ := strconv.Atoi(words[0])
	s := release.Snapshot{Formation: release.Formation{}}
	s.Current = release.Release{Version: version, ProcessTypes: types}
	s.Current.Slug.Digest = digest.Of([]byte(words[0]))
	for _, word := range words[1:] {
		typ, number, _ := strings.Cut(word, "=")
		s.Formation[typ], _ = strconv.Atoi(number)
	}
	return s
}

// runs reads "2 web.1 web.2": version 2 with its members. "2 fetching" is not unpacked yet, "" is none.
func runs(text string) *running {
	if text == "" {
		return nil
	}
	words := strings.Fields(text)
	r := &running{id: identify(snapshot(words[0]).Current), types: types, unpacked: true}
	for _, word := range words[1:] {
		typ, number, isMember := strings.Cut(word, ".")
		if !isMember {
			r.unpacked = false
			continue
		}
		n, _ := strconv.Atoi(number)
		r.members = append(r.members, member{typ, n})
	}
	return r
}

var plans = []struct{ name, live, next, failed, wanted, plan string }{
	{"nothing to run", "", "", "", "", ""},
	{"no longer a release", "1 web.1", "", "", "", ""},
	{"the first release", "", "", "", "1 web=1", "start"},
	{"being unpacked", "", "1 fetching", "", "1 web=1", ""},
	{"unpacked", "", "1", "", "1 web=2 worker=1", "add next web.1, add next web.2, add next worker.1"},
	{"unpacked, no process", "", "1", "", "1 web=0", ""},
	{"nothing to do", "1 web.1 worker.1", "", "", "1 web=1 worker=1", ""},
	{"scaled up", "1 web.1", "", "", "1 web=3 worker=1", "add web.2, add web.3, add worker.1"},
	{"scaled down", "1 web.1 web.2 web.3 worker.1", "", "", "1 web=1 worker=1", "remove web.3, remove web.2"},
	{"scaled to nothing", "1 web.1 worker.1", "", "", "1 web=0 worker=0", "remove worker.1, remove web.1"},
	{"both ways", "1 web.1 web.2", "", "", "1 web=1 worker=1", "add worker.1, remove web.2"},
	{"the middle one is missing", "1 web.1 web.3", "", "", "1 web=3", "add web.2"},
	{"types that the release lacks", "1 web.1", "", "", "1 web=1 clock=4 release=1", ""},
	{"a type that the formation lacks", "1 web.1 worker.1", "", "", "1 web=1", ""},
	{"a new release", "1 web.1", "", "", "2 web=1", "start"},
	{"a new release and a new formation", "1 web.1", "", "", "2 web=2", "add web.2, start"},
	{"it is being started", "1 web.1", "2 web.1", "", "2 web=1", ""},
	{"scaled while it is being started", "1 web.1", "2 web.1", "", "2 web=2", "add web.2, add next web.2"},
	{"scaled while it is being unpacked", "1 web.1", "2 fetching", "", "2 web=2", "add web.2"},
	{"a newer one meanwhile", "1 web.1", "2 web.1", "", "3 web=1", "drop next, start"},
	{"the live one is current again", "1 web.1", "2 web.1", "", "1 web=1", "drop next"},
	{"it failed", "1 web.1 worker.1", "", "2 web=1 worker=1", "2 web=1 worker=1", ""},
	{"it failed, and nothing else runs", "", "", "2 web=1 worker=1", "2 web=1 worker=1", ""},
	{
		"it failed with another formation", "1 web.1 worker.1", "", "2 web=1 worker=1", "2 web=1 worker=0",
		"remove worker.1, start",
	},
	{"it failed, and there is a newer one", "1 web.1 worker.1", "", "2 web=1 worker=1", "3 web=1 worker=1", "start"},
}

func TestPlan(t *testing.T) {
	t.Parallel()
	for _, test := range plans {
		t.Run(test.name, func(t *testing.T) {
			v := view{live: runs(test.live), next: runs(test.next)}
			if test.failed != "" {
				failed := snapshot(test.failed)
				v.failed = &failed
			}
			var got []string
			for _, a := range plan(v, snapshot(test.wanted)) {
				words := []string{string(a.verb)}
				if a.next && a.verb != verbStart {
					words = append(words, "next")
				}
				if a.member != (member{}) {
					words = append(words, a.member.name())
				}
				got = append(got, strings.Join(words, " "))
			}
			if plan := strings.Join(got, ", "); plan != test.plan {
				t.Errorf("plan: %s\nwant: %s", plan, test.plan)
			}
		})
	}
}

func TestFreePort(t *testing.T) {
	t.Parallel()
	taken := map[int]bool{}
	first, last, _ := ephemeralPorts()
	for range 200 {
		port, err := freePort(taken)
		if err != nil || taken[port] || port < lowestPort || port > highestPort || port >= first && port <= last {
			t.Fatalf("port %d, %v", port, err)
		}
		taken[port] = true
	}
}
