package follow

import (
	"fmt"
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

// wanted returns a snapshot of a version, with a formation such as "web=2 worker=0".
func wanted(version int, formation string) release.Snapshot {
	s := release.Snapshot{
		Current: release.Release{
			Version:      version,
			ProcessTypes: types,
			Slug:         release.SlugRef{Digest: digest.Digest(fmt.Sprint(version))},
		},
		Formation: release.Formation{},
	}
	for f := range strings.FieldsSeq(formation) {
		typ, number, _ := strings.Cut(f, "=")
		var n int
		fmt.Sscan(number, &n)
		s.Formation[typ] = n
	}
	return s
}

// runs returns what runs of a version: "web.1 web.2", or "unready".
func runs(version int, members string) *running {
	r := &running{id: identify(wanted(version, "").Current), types: types, unpacked: members != "unready"}
	for f := range strings.FieldsSeq(members) {
		typ, number, ok := strings.Cut(f, ".")
		m := member{typ: typ}
		fmt.Sscan(number, &m.number)
		if ok {
			r.members = append(r.members, m)
		}
	}
	return r
}

func TestPlan(t *testing.T) {
	t.Parallel()
	failed := wanted(2, "web=1 worker=1")
	for name, test := range map[string]struct {
		view view
		want release.Snapshot
		plan string
	}{
		"nothing to run":      {view{}, release.Snapshot{}, ""},
		"no longer a release": {view{live: runs(1, "web.1")}, release.Snapshot{}, ""},
		"the first release":   {view{}, wanted(1, "web=1"), "start"},
		"being unpacked":      {view{next: runs(1, "unready")}, wanted(1, "web=1"), ""},
		"unpacked": {
			view{next: runs(1, "")},
			wanted(1, "web=2 worker=1"), "add next web.1, add next web.2, add next worker.1",
		},
		"unpacked, no process": {view{next: runs(1, "")}, wanted(1, "web=0"), ""},
		"nothing to do":        {view{live: runs(1, "web.1 worker.1")}, wanted(1, "web=1 worker=1"), ""},
		"scaled up": {
			view{live: runs(1, "web.1")},
			wanted(1, "web=3 worker=1"), "add web.2, add web.3, add worker.1",
		},
		"scaled down": {
			view{live: runs(1, "web.1 web.2 web.3 worker.1")},
			wanted(1, "web=1 worker=1"), "remove web.3, remove web.2",
		},
		"scaled to nothing": {
			view{live: runs(1, "web.1 worker.1")},
			wanted(1, "web=0 worker=0"), "remove worker.1, remove web.1",
		},
		"both ways": {
			view{live: runs(1, "web.1 web.2")},
			wanted(1, "web=1 worker=1"), "add worker.1, remove web.2",
		},
		"the middle one is missing":         {view{live: runs(1, "web.1 web.3")}, wanted(1, "web=3"), "add web.2"},
		"types that the release lacks":      {view{live: runs(1, "web.1")}, wanted(1, "web=1 clock=4 release=1"), ""},
		"a type that the formation lacks":   {view{live: runs(1, "web.1 worker.1")}, wanted(1, "web=1"), ""},
		"a new release":                     {view{live: runs(1, "web.1")}, wanted(2, "web=1"), "start"},
		"a new release and a new formation": {view{live: runs(1, "web.1")}, wanted(2, "web=2"), "add web.2, start"},
		"it is being started": {
			view{live: runs(1, "web.1"), next: runs(2, "web.1")},
			wanted(2, "web=1"), "",
		},
		"scaled while it is being started": {
			view{live: runs(1, "web.1"), next: runs(2, "web.1")},
			wanted(2, "web=2"), "add web.2, add next web.2",
		},
		"scaled while it is being unpacked": {
			view{live: runs(1, "web.1"), next: runs(2, "unready")},
			wanted(2, "web=2"), "add web.2",
		},
		"a newer one meanwhile": {
			view{live: runs(1, "web.1"), next: runs(2, "web.1")},
			wanted(3, "web=1"), "drop next, start",
		},
		"the live one is current again": {
			view{live: runs(1, "web.1"), next: runs(2, "web.1")},
			wanted(1, "web=1"), "drop next",
		},
		"it failed": {
			view{live: runs(1, "web.1 worker.1"), failed: &failed},
			wanted(2, "web=1 worker=1"), "",
		},
		"it failed, and nothing else runs": {view{failed: &failed}, wanted(2, "web=1 worker=1"), ""},
		"it failed with another formation": {
			view{live: runs(1, "web.1 worker.1"), failed: &failed},
			wanted(2, "web=1 worker=0"), "remove worker.1, start",
		},
		"it failed, and there is a newer one": {
			view{live: runs(1, "web.1 worker.1"), failed: &failed},
			wanted(3, "web=1 worker=1"), "start",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, a := range plan(test.view, test.want) {
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
