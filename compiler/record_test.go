package compiler

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"
)

// TestBuild builds an app for the first time.
func TestBuild(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	r := m.build()
	var phases []string
	for _, p := range r.Phases {
		phases = append(phases, p.Name)
	}
	want := []string{"source", "stage", "detect", "toolchains", "build", "pack", "keep"}
	if !slices.Equal(phases, want) {
		t.Errorf("phases %q, want %q", phases, want)
	}
	if r.Unchanged || r.Release != nil || types(r.ProcessTypes) != "web: ./server\n" {
		t.Errorf("got %+v", r)
	}
	if len(r.Buildpacks) != 1 || r.Buildpacks[0].ID != "slugc/go" || len(r.Buildpacks[0].Reasons) == 0 {
		t.Errorf("buildpacks %+v", r.Buildpacks)
	}
	if len(r.Runtimes) != 1 || r.Runtimes[0].Name != "go" || r.Runtimes[0].Version != "1.99.1" {
		t.Errorf("runtimes %+v", r.Runtimes)
	}
	if len(r.Slug.Sections) != 1 || r.Slug.Sections[0].Name != "app" || r.Slug.Sections[0].Why != "new" {
		t.Errorf("sections %+v", r.Slug.Sections)
	}
	if other := newMachine(t, t.TempDir()).build(); other.Slug.Digest != r.Slug.Digest {
		t.Errorf("another machine builds %s, this one %s", other.Slug.Digest, r.Slug.Digest)
	}
}

// TestUnchanged builds the same again, which runs nothing.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.write("build.sh", "echo ran\n")
	first := m.build()
	m.recorded.Out.Reset()
	second := m.build()
	if !second.Unchanged || second.Slug.Digest != first.Slug.Digest || m.recorded.Out.Len() > 0 {
		t.Errorf("got %+v, and it ran %q", second, m.recorded.Out.String())
	}
	if len(second.Phases) != 1 || second.Phases[0].Name != "source" {
		t.Errorf("phases %+v", second.Phases)
	}
	for _, s := range second.Slug.Sections {
		if s.Reused != "all" || s.Why != "nothing changed" {
			t.Errorf("section %+v", s)
		}
	}
	if !m.recorded.Has("step: Nothing changed since the last build of hello") {
		t.Errorf("it reports %q", m.recorded.Lines)
	}
}

// reasonsToBuild change one thing: the machine or the request.
var reasonsToBuild = map[string]struct {
	alter  func(m *machine, last *Result) // the machine
	change func(*Request)                 // or the request
	why    string                         // "" for none
}{
	"the source": {alter: func(m *machine, _ *Result) { m.write("more.txt", "more") }, why: "the source changed"},
	"the build configuration": {
		change: func(r *Request) { r.Env = map[string]string{"A": "b"} }, why: "the build configuration changed",
	},
	"slugc": {alter: func(m *machine, _ *Result) { m.Version = "next" }, why: "slugc changed"},
	"the target": {
		alter: func(m *machine, _ *Result) { m.Target.DistroVersion = "2" }, why: "the target changed",
	},
	"the Procfile rule": {change: func(r *Request) { r.Lenient = true }, why: "the Procfile rules changed"},
	"fresh":             {change: func(r *Request) { r.Fresh = true }},
	"no record": {alter: func(m *machine, _ *Result) {
		if err := m.app().DropRecord(); err != nil {
			m.Fatal(err)
		}
	}},
	"the slug is gone": {alter: func(m *machine, last *Result) {
		if err := os.Remove(last.Slug.Path); err != nil {
			m.Fatal(err)
		}
	}, why: "the slug of the last build is gone"},
	"the slug is cut": {alter: func(m *machine, last *Result) {
		if err := os.Truncate(last.Slug.Path, 10); err != nil {
			m.Fatal(err)
		}
	}, why: "the slug of the last build is gone"},
	"the slug is damaged": {alter: func(m *machine, last *Result) {
		f, err := os.OpenFile(last.Slug.Path, os.O_RDWR, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("damage"), last.Slug.Size/2)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			m.Fatal(err)
		}
	}, why: "the slug of the last build is damaged"},
	"the record is of a slugc that wrote another": {alter: func(m *machine, _ *Result) {
		record := m.app().Record()
		record.Result = []byte(`"?"`)
		if err := m.app().SaveRecord(record); err != nil {
			m.Fatal(err)
		}
	}, why: "the slug of the last build is gone"},
}

// TestTouchedSlug reads a slug whose file looks changed, and uses it if it is whole.
func TestTouchedSlug(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	last := m.build()
	if err := os.Chtimes(last.Slug.Path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if r := m.build(); !r.Unchanged || m.app().Record().State.Modified != 1e9 {
		t.Errorf("unchanged %t, the record is %+v", r.Unchanged, m.app().Record())
	}
}

// TestReasonsToBuild changes one thing at a time. The build runs and says why.
func TestReasonsToBuild(t *testing.T) {
	t.Parallel()
	for name, test := range reasonsToBuild {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, t.TempDir())
			last := m.build()
			if test.alter != nil {
				test.alter(m, last)
			}
			r, err := m.change(test.change)
			if err != nil || r.Unchanged {
				t.Fatalf("got %+v, %v", r, err)
			}
			var why []string
			if test.why != "" {
				why = []string{"Building hello again: " + test.why}
			}
			if got := m.recorded.Only("step"); len(got) < len(why) || !slices.Equal(got[:len(why)], why) {
				t.Errorf("it reports %q, want first %q", got, why)
			}
			if r, err = m.change(test.change); err != nil || !r.Unchanged && test.change == nil {
				t.Errorf("the same again: %+v, %v", r, err)
			}
		})
	}
}
