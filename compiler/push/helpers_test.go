package push

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/cache/digest"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/report/reporttest"
)

// bench is a repository with the hooks' state, and releases in a real coordinator.
type bench struct {
	*testing.T
	*Hook
	releases *release.Releases
	commits  []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "blog.git")
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1"}
	for _, who := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
		env = append(env, who+"_NAME=a", who+"_EMAIL=a@example.com")
	}
	cmd := exec.Command(git, "init", "-q", "--bare", "-b", "main", dir)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git init: %v %s", err, out)
	}
	repo, err := OpenRepository(t.Context(), dir, git, env)
	if err != nil {
		t.Fatal(err)
	}
	c, err := local.Open(filepath.Join(t.TempDir(), "c.db"), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	b := &bench{T: t, releases: release.New(c, release.Options{RetryTime: time.Millisecond})}
	b.Hook = &Hook{Repo: repo, Settings: Settings{App: "blog", Home: t.TempDir()}, Report: &reporttest.Recorder{},
		Releases: func(context.Context) (*release.Releases, func(), error) { return b.releases, func() {}, nil }}
	if _, err := repo.Install(t.Context(), &b.Settings, "/bin/false"); err != nil {
		t.Fatal(err)
	}
	tree := b.git("hash-object", "-t", "tree", "-w", "/dev/null")
	for _, message := range []string{"x", "y", "z"} {
		b.commits = append(b.commits, b.git("commit-tree", "-m", message, tree))
	}
	return b
}

func (b *bench) git(args ...string) string {
	b.Helper()
	out, err := b.Repo.output(b.Context(), nil, append([]string{"-c", "core.hooksPath=/nowhere"}, args...)...)
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// dead is a process that has ended.
var dead = Process{PID: 1 << 30, Start: 1}

// push records an accepted push of main from one commit to another by a receive-pack, with its
// pending release.
func (b *bench) push(from, to string, by Process) *Record {
	b.Helper()
	if from == "" {
		from = strings.Repeat("0", 40)
	}
	rec := &Record{
		ID:           newID(time.Now()),
		App:          "blog",
		State:        Accepted,
		ReceivePack:  by,
		Hook:         dead,
		Transactions: true,
		Refs:         []Ref{{Update: Update{"refs/heads/main", from, to}}},
	}
	rec.Key = rec.ID
	made, err := b.releases.Register(b.Context(), "blog", release.Request{
		Slug:      release.SlugRef{Digest: digest.Of(nil)},
		Commit:    to,
		Key:       rec.Key,
		Pending:   true,
		Processes: []procfile.Process{{Type: "web", Command: "true"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	rec.Version = made.Version
	if err := b.Repo.save(rec); err != nil {
		b.Fatal(err)
	}
	return rec
}

// transact calls the hook for a record's receive-pack.
func (b *bench) transact(phase string, rec *Record) error {
	return b.ReferenceTransaction(b.Context(), phase, &rec.ReceivePack, []Update{rec.Refs[0].Update})
}

// mustTransact is transact that must succeed.
func (b *bench) mustTransact(phase string, rec *Record) {
	b.Helper()
	if err := b.transact(phase, rec); err != nil {
		b.Fatal(err)
	}
}

// move moves the branch as git does, up to the moment right after the move.
func (b *bench) move(rec *Record) {
	b.Helper()
	b.mustTransact("prepared", rec)
	b.git("update-ref", "refs/heads/main", rec.Refs[0].New)
}

// commit moves the branch and ends the transaction.
func (b *bench) commit(rec *Record) {
	b.Helper()
	b.move(rec)
	b.mustTransact("committed", rec)
}

// complete commits, and calls the post-receive hook.
func (b *bench) complete(rec *Record) {
	b.Helper()
	b.commit(rec)
	b.postReceive(rec)
}

func (b *bench) postReceive(rec *Record) {
	b.Helper()
	if err := b.PostReceive(b.Context(), rec.ReceivePack, nil); err != nil {
		b.Fatal(err)
	}
}

// rollBack makes a new release of an earlier one's slug current.
func (b *bench) rollBack(version int) {
	b.Helper()
	if _, err := b.releases.Rollback(b.Context(), "blog", version, "", false); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) wantCurrent(when string, version int) {
	b.Helper()
	if now, err := b.releases.Current(b.Context(), "blog"); err != nil || now.Version != version {
		b.Fatalf("%s: %+v %v", when, now, err)
	}
}

// settles settles what is left, and requires that nothing is left then, which release is current
// (0: none) and which are abandoned.
func (b *bench) settles(current int, abandoned ...int) {
	b.Helper()
	if _, err := b.Settle(b.Context()); err != nil {
		b.Fatal(err)
	}
	list, err := b.Repo.Pushes()
	if err != nil || len(list) > 0 {
		b.Fatalf("%d pushes are left: %v", len(list), err)
	}
	now, err := b.releases.Current(b.Context(), "blog")
	if current == 0 {
		if !errors.Is(err, release.ErrNoReleases) {
			b.Fatalf("current: %+v, %v", now, err)
		}
	} else if err != nil || now.Version != current {
		b.Fatalf("v%d is current, want v%d: %v", now.Version, current, err)
	}
	for _, v := range abandoned {
		if r, err := b.releases.Get(b.Context(), "blog", v); err != nil || r.Status != release.Abandoned {
			b.Errorf("v%d is %s: %v", v, r.Status, err)
		}
	}
}

// self is this process, which stands for a living receive-pack.
func self(t *testing.T) Process {
	t.Helper()
	p, _, err := inspectProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantFault(t *testing.T, err error, id string) {
	t.Helper()
	if f := fault.Of(err); f == nil || f.ID != id {
		t.Fatalf("error %v, want %s", err, id)
	}
}
