package hostile_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestPoison pushes an app that writes to its own cache and is refused: it fails, or it is a dry run. The next
// push finds nothing of that, and the cache of the last one that was accepted.
func TestPoison(t *testing.T) {
	t.Parallel()
	for i, level := range []string{"bubblewrap", "landlock", "none"} {
		uid := users()[i%len(users())]
		t.Run(fmt.Sprintf("%s as %d", level, uid), func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, newPlace(t, level, uid))
			r.push(t, 0, `echo x >"$npm_config_cache/kept"`)
			for end, options := range map[string][]string{"exit 1": nil, "true": {"dry-run"}} {
				o := r.push(t, 1, `echo x >"$npm_config_cache/poison" && echo WRITTEN; `+end, options...)
				if !strings.Contains(o.Stderr, "WRITTEN") {
					t.Errorf("there is no cache to write to:\n%s", o.Stderr)
				}
			}
			o := r.push(t, 0, `cd "$npm_config_cache"; [ ! -e poison ] || echo `+reached+`; cat kept && echo KEPT`)
			if strings.Contains(o.Stderr, reached) || !strings.Contains(o.Stderr, "KEPT") {
				t.Errorf("the cache is not that of the push which was accepted:\n%s", o.Stderr)
			}
		})
	}
}

// repository is a git repository of a place whose pushes release an app.
type repository struct {
	*place
	bare, work string
}

func newRepository(t *testing.T, p *place) *repository {
	t.Helper()
	r := &repository{p, filepath.Join(p.state, "app.git"), filepath.Join(p.state, "work")}
	p.env = append(p.env, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	for _, args := range [][]string{
		{"git", "init", "-q", "--bare", r.bare},
		{"git", "init", "-q", "-b", "main", r.work},
		{p.self, "hook", "install", r.bare, "--app", "pushed", "--sandbox", p.level},
	} {
		r.run(t, args...)
	}
	return r
}

// run runs a program of the place's user, which must succeed.
func (r *repository) run(t *testing.T, args ...string) {
	t.Helper()
	if o := slugctest.Wait(t, r.command(args...)); o.Exit != 0 {
		t.Fatalf("%q: exit %d:\n%s", args, o.Exit, o.Stderr)
	}
}

// push pushes the app with a build script, and push options. git must end with the exit code.
func (r *repository) push(t *testing.T, exit int, script string, options ...string) slugctest.Outcome {
	t.Helper()
	source := filepath.Join(r.dir, "source", "pushed")
	slugctest.ToyApp(t, source, 0)
	testkit.Write(t, filepath.Join(source, "build.sh"), script+"\n")
	r.run(t, "cp", "-r", source+"/.", r.work)
	r.run(t, "git", "-C", r.work, "add", "-A")
	r.run(t, "git", "-C", r.work, "commit", "-q", "--allow-empty", "-m", "x")
	args := []string{"git", "-C", r.work, "push", "-q", "-f"}
	for _, option := range options {
		args = append(args, "-o", option)
	}
	o := slugctest.Wait(t, r.command(append(args, r.bare, "main")...))
	if o.Exit != exit {
		t.Fatalf("the push ends with %d, want %d:\n%s", o.Exit, exit, o.Stderr)
	}
	return o
}
