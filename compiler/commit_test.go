package compiler

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"slugc/compiler/source"
)

// git runs git in the app's source and returns what it prints.
func (m *machine) git(args ...string) string {
	m.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@x.test"}, args...)...)
	cmd.Dir, cmd.Env = m.src, append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+m.src)
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit commits everything, or nothing, and returns the commit's id.
func (m *machine) commit() string {
	m.Helper()
	m.git("add", "-A")
	m.git("commit", "-q", "--allow-empty", "-m", "x")
	return m.git("rev-parse", "HEAD")
}

// TestCommit has the commit in the build's environment. A new commit of the same tree is built again only
// where the app or its configuration speaks of it.
func TestCommit(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.git("init", "-q")
	m.write("build.sh", `cat "$platform"/env/SOURCE* >seen || :`)
	first := m.commit()
	if text := slugFile(t, m.build(), "seen"); text != "" {
		t.Errorf("a directory is built as the commit %q", text)
	}
	m.req.Source = source.Spec{Kind: source.Git, Dir: m.src, Ref: "HEAD"}
	m.req.Fresh = true
	if text := slugFile(t, m.build(), "seen"); text != first {
		t.Errorf("the build sees %q, want %q", text, first)
	}
	m.req.Fresh = false
	second := m.commit()
	if r := m.build(); !r.Unchanged || r.Commit != second {
		t.Errorf("the same tree is built again: %+v", r)
	}
	m.req.Env = map[string]string{"SOURCE_VERSION": "mine"}
	if text := slugFile(t, m.build(), "seen"); text != "mine" {
		t.Errorf("the build sees %q", text)
	}
	for _, speaks := range []func(){
		func() { m.req.Env = map[string]string{"GO_LINKER_SYMBOL": "main.version"} },
		func() { m.req.Env = nil; m.write("bin/version", "#!/bin/sh\necho $SOURCE_VERSION\n") },
	} {
		speaks()
		m.commit()
		m.build()
		if r := m.build(); !r.Unchanged {
			t.Errorf("the same commit is built again: %q", m.recorded.Lines)
		}
		third := m.commit()
		r := m.build()
		if text := slugFile(t, r, "seen"); r.Unchanged || text != third {
			t.Errorf("the next commit is built as %q, want %q", text, third)
		}
		if !m.recorded.Has("step: Building hello again: the commit changed") {
			t.Errorf("it reports %q", m.recorded.Lines)
		}
	}
}
