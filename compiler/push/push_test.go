package push

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

func TestWhole(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rec := b.push("", b.commits[0], self(t))
	b.commit(rec)
	b.wantCurrent("after the transaction", 1)
	if err := b.PostReceive(t.Context(), rec.ReceivePack, []Update{rec.Refs[0].Update}); err != nil {
		t.Fatal(err)
	}
	b.settles(1)
}

// TestKilledBeforePromotion has a receive-pack die right after the ref moved: the next push
// promotes it before anything else.
func TestKilledBeforePromotion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one := b.push("", b.commits[0], dead)
	b.move(one)
	two := b.push(b.commits[0], b.commits[1], self(t))
	b.mustTransact("prepared", two)
	b.wantCurrent("while the next is prepared", 1)
	b.complete(two)
	b.settles(2)
}

// TestBackAndForth moves the ref back and forth; each receive-pack dies before it promotes.
func TestBackAndForth(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i, at := range []int{0, 1, 0, 1} {
		from := ""
		if i > 0 {
			from = b.commits[1-at]
		}
		b.move(b.push(from, b.commits[at], dead))
	}
	b.settles(4)
}

// TestSameCommit has a second push of the same commit lose: it must not be taken for the one that
// moved the ref, not even after a rollback in between.
func TestSameCommit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.move(b.push("", b.commits[0], dead))
	b.settles(1)
	one, two := b.push(b.commits[0], b.commits[1], self(t)), b.push(b.commits[0], b.commits[1], dead)
	b.complete(one)
	b.rollBack(1)
	b.settles(4, two.Version)
}

// TestPreparedTwice has a push die in its prepared phase, after which git released its locks, and
// another push of the same commit succeed.
func TestPreparedTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.mustTransact("prepared", b.push("", b.commits[0], dead))
	b.complete(b.push("", b.commits[0], self(t)))
	b.settles(2, 1)
}

// TestRollbackStays settles a push again that was promoted by a process that was killed before it
// could record that.
func TestRollbackStays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.move(b.push("", b.commits[0], dead))
	b.settles(1)
	b.move(b.push(b.commits[0], b.commits[1], dead))
	if _, err := b.releases.Promote(t.Context(), "blog", 2); err != nil {
		t.Fatal(err)
	}
	b.rollBack(1)
	b.settles(3)
}

// TestRefused has git refuse to move the ref: by a lost lock, by an aborted transaction, by another
// hook.
func TestRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one := b.push("", b.commits[0], dead)
	b.settles(0, one.Version)
	two := b.push("", b.commits[0], self(t))
	b.mustTransact("prepared", two)
	b.mustTransact("aborted", two)
	if r, err := b.releases.Get(t.Context(), "blog", 2); err != nil || r.Status != release.Abandoned {
		t.Fatalf("after the transaction was aborted: %+v %v", r, err)
	}
	wantFault(t, b.transact("prepared", two), "push/not-pending")
	updates := []Update{two.Refs[0].Update}
	wantFault(t, b.ReferenceTransaction(t.Context(), "prepared", &Process{PID: 7}, updates), "push/unknown-push")
	if err := b.ReferenceTransaction(t.Context(), "prepared", nil, updates); err != nil {
		t.Errorf("another program's transaction: %v", err)
	}
	two.ReceivePack = dead
	if err := b.Repo.save(two); err != nil {
		t.Fatal(err)
	}
	b.settles(0, 1, 2)
}

// TestCleanUp has a killed receive-pack leave its locks and its quarantine.
func TestCleanUp(t *testing.T) {
	for name, prepared := range map[string]bool{"seen by the hook": true, "not seen": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			rec := b.push("", b.commits[0], dead)
			rec.Quarantine = b.quarantine("abc")
			if err := b.Repo.save(rec); err != nil {
				t.Fatal(err)
			}
			main, head := b.Repo.lockFile("refs/heads/main"), b.Repo.lockFile("HEAD")
			testkit.Write(t, main, b.commits[0]+"\n")
			testkit.Write(t, head, "")
			half := b.Repo.path("pushes", ".another.json.slugc-KILLED")
			testkit.Write(t, half, "{")
			if prepared {
				updates := []Update{rec.Refs[0].Update, {Ref: "HEAD"}}
				if err := b.ReferenceTransaction(t.Context(), "prepared", &rec.ReceivePack, updates); err != nil {
					t.Fatal(err)
				}
			}
			b.settles(0, 1)
			for _, file := range []string{main, head, rec.Quarantine, half} {
				if testkit.Exists(file) {
					t.Errorf("%s is left", file)
				}
			}
		})
	}
}

// TestStaleQuarantines removes a quarantine that has no record, but not this push's.
func TestStaleQuarantines(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	left, own := b.quarantine("left"), b.quarantine("own")
	push := Push{ReceivePack: self(t), Quarantine: []string{"GIT_QUARANTINE_PATH=" + own}}
	if err := b.Repo.removeStaleQuarantines(push); err != nil {
		t.Fatal(err)
	}
	if testkit.Exists(left) || !testkit.Exists(own) {
		t.Errorf("left: %v, own: %v", testkit.Exists(left), testkit.Exists(own))
	}
}

// quarantine makes a quarantine directory.
func (b *bench) quarantine(name string) string {
	b.Helper()
	dir := filepath.Join(b.Repo.Dir, "objects", "tmp_objdir-incoming-"+name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	return dir
}

// TestLockOfAnother keeps a lock file that holds another commit.
func TestLockOfAnother(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.push("", b.commits[0], dead)
	file := b.Repo.lockFile("refs/heads/main")
	testkit.Write(t, file, b.commits[1]+"\n")
	b.settles(0, 1)
	if !testkit.Exists(file) {
		t.Errorf("the lock of another push was removed")
	}
}

func TestLocked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	unlock, err := b.Repo.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Repo.lock(ctx)
	wantFault(t, err, "push/locked")
}

func TestSettingsCheck(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	wantFault(t, (&Settings{EnvFile: "x.env"}).check(t.Context(), b.Repo), "push/relative-path")
	wantFault(t, (&Settings{Subdir: "../other"}).check(t.Context(), b.Repo), "source/subdir-missing")
}

func TestReadUpdates(t *testing.T) {
	if _, err := ReadUpdates(strings.NewReader("a b\n")); err == nil {
		t.Error("a line of two words is read")
	}
	got, err := ReadUpdates(strings.NewReader("a b refs/heads/c d\n"))
	if err != nil || len(got) != 1 || got[0].Ref != "refs/heads/c d" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestProcess(t *testing.T) {
	if !self(t).Alive() || dead.Alive() || (Process{PID: os.Getpid(), Start: 1}).Alive() {
		t.Error("alive")
	}
	if _, err := FindReceivePack(os.Getpid()); !errors.Is(err, errGone) {
		t.Errorf("a test has a receive-pack: %v", err)
	}
	for line, want := range map[string]bool{
		"git-receive-pack x":                    true,
		"/usr/lib/git-core/git-receive-pack /x": true,
		"git receive-pack --stateless-rpc .":    true,
		"sh -c git-receive-pack":                false,
		"git upload-pack":                       false,
		"":                                      false,
	} {
		if got := isReceivePack(strings.Split(line, " ")); got != want {
			t.Errorf("%q is a receive-pack: %v", line, got)
		}
	}
}

func TestReport(t *testing.T) {
	rec := &Record{
		App: "blog", Version: 2,
		Refs: []Ref{{Update: Update{Ref: "refs/heads/main", New: "0123456789abcdef"}}},
	}
	before := &release.Release{
		Version:      1,
		Slug:         release.SlugRef{Size: 5000},
		ProcessTypes: procfile.ProcessMap{{Type: "web", Command: "a"}, {Type: "clock", Command: "c"}},
	}
	result := &compiler.Result{
		ProcessTypes: procfile.ProcessMap{{Type: "web", Command: "b"}, {Type: "worker", Command: "w"}},
		Slug:         compiler.Slug{Size: 3800, Digest: "sha256:d"},
	}
	want := []string{
		"Released blog v2 (main 0123456)", "web, worker", "changed: web: b (before: a)", "new: worker: w",
		"removed: clock: c", "3.8 kB, 1.2 kB less than v1", "sha256:d",
	}
	if diff := cmp.Diff(want, (&Hook{}).report(rec, result, before)); diff != "" {
		t.Error(diff)
	}
}
