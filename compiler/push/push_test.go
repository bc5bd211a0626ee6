package push

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/compiler"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

func TestWhole(t *testing.T) {
	b := newBench(t)
	rec := b.push("", b.commits[0], self(t))
	if err := b.transact("prepared", rec); err != nil {
		t.Fatal(err)
	}
	b.move(rec)
	if err := b.transact("committed", rec); err != nil {
		t.Fatal(err)
	}
	if now, err := b.releases.Current(t.Context(), "blog"); err != nil || now.Version != 1 {
		t.Fatalf("after the transaction: %+v %v", now, err)
	}
	if err := b.Received(t.Context(), rec.Receiver, []Update{rec.Refs[0].Update}); err != nil {
		t.Fatal(err)
	}
	b.ends(1)
}

// TestKilledBeforePromotion has a receive-pack die right after the ref moved: the next push
// promotes it before anything else.
func TestKilledBeforePromotion(t *testing.T) {
	b := newBench(t)
	one := b.push("", b.commits[0], dead)
	if err := b.transact("prepared", one); err != nil {
		t.Fatal(err)
	}
	b.move(one)
	two := b.push(b.commits[0], b.commits[1], self(t))
	if err := b.transact("prepared", two); err != nil {
		t.Fatal(err)
	}
	if now, err := b.releases.Current(t.Context(), "blog"); err != nil || now.Version != 1 {
		t.Fatalf("while the next is prepared: %+v %v", now, err)
	}
	b.move(two)
	if err := b.transact("committed", two); err != nil {
		t.Fatal(err)
	}
	if err := b.Received(t.Context(), two.Receiver, nil); err != nil {
		t.Fatal(err)
	}
	b.ends(2)
}

// TestToAndFro moves the ref to and fro, each receive-pack dying before it promotes.
func TestToAndFro(t *testing.T) {
	b := newBench(t)
	for i, at := range []int{0, 1, 0, 1} {
		from := ""
		if i > 0 {
			from = b.commits[1-at]
		}
		rec := b.push(from, b.commits[at], dead)
		if err := b.transact("prepared", rec); err != nil {
			t.Fatal(err)
		}
		b.move(rec)
	}
	b.ends(4)
}

// TestSameCommit has a second push of the same commit lose: it must not be taken for the one that
// moved the ref, not even when a rollback came between.
func TestSameCommit(t *testing.T) {
	b := newBench(t)
	base := b.push("", b.commits[0], dead)
	if err := b.transact("prepared", base); err != nil {
		t.Fatal(err)
	}
	b.move(base)
	b.Settle(t.Context())
	one, two := b.push(b.commits[0], b.commits[1], self(t)), b.push(b.commits[0], b.commits[1], dead)
	if err := b.transact("prepared", one); err != nil {
		t.Fatal(err)
	}
	b.move(one)
	if err := b.transact("committed", one); err != nil {
		t.Fatal(err)
	}
	if err := b.Received(t.Context(), one.Receiver, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.releases.Rollback(t.Context(), "blog", 1, "", false); err != nil {
		t.Fatal(err)
	}
	b.ends(4, two.Version)
}

// TestPreparedTwice has a push die while git holds the ref, its locks taken away in order, and
// another push of the same commit succeed.
func TestPreparedTwice(t *testing.T) {
	b := newBench(t)
	one := b.push("", b.commits[0], dead)
	if err := b.transact("prepared", one); err != nil {
		t.Fatal(err)
	}
	two := b.push("", b.commits[0], self(t))
	if err := b.transact("prepared", two); err != nil {
		t.Fatal(err)
	}
	b.move(two)
	if err := b.transact("committed", two); err != nil {
		t.Fatal(err)
	}
	if err := b.Received(t.Context(), two.Receiver, nil); err != nil {
		t.Fatal(err)
	}
	b.ends(2, 1)
}

// TestRollbackStays settles a push again that was promoted by a process that was killed before it
// could say so.
func TestRollbackStays(t *testing.T) {
	b := newBench(t)
	one, two := b.push("", b.commits[0], dead), (*Record)(nil)
	if err := b.transact("prepared", one); err != nil {
		t.Fatal(err)
	}
	b.move(one)
	b.Settle(t.Context())
	two = b.push(b.commits[0], b.commits[1], dead)
	if err := b.transact("prepared", two); err != nil {
		t.Fatal(err)
	}
	b.move(two)
	if _, err := b.releases.Promote(t.Context(), "blog", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := b.releases.Rollback(t.Context(), "blog", 1, "", false); err != nil {
		t.Fatal(err)
	}
	b.ends(3)
}

// TestRefused has git refuse the ref: by a lock that is lost, by an aborted transaction, by a hook
// between.
func TestRefused(t *testing.T) {
	b := newBench(t)
	one := b.push("", b.commits[0], dead)
	b.ends(0, one.Version)
	two := b.push("", b.commits[0], self(t))
	if err := b.transact("prepared", two); err != nil {
		t.Fatal(err)
	}
	if err := b.transact("aborted", two); err != nil {
		t.Fatal(err)
	}
	if r, err := b.releases.Get(t.Context(), "blog", 2); err != nil || r.Status != release.Abandoned {
		t.Fatalf("after the transaction was aborted: %+v %v", r, err)
	}
	wantID(t, b.transact("prepared", two), "push/not-pending")
	wantID(t, b.Transact(t.Context(), "prepared", &Process{PID: 7}, []Update{two.Refs[0].Update}), "push/unknown-push")
	if err := b.Transact(t.Context(), "prepared", nil, []Update{two.Refs[0].Update}); err != nil {
		t.Errorf("somebody else's transaction: %v", err)
	}
	two.Receiver = dead
	if err := b.Repo.save(two); err != nil {
		t.Fatal(err)
	}
	b.ends(0, 1, 2)
}

// TestLeftovers has a killed receive-pack leave its locks and its quarantine.
func TestLeftovers(t *testing.T) {
	for _, seen := range []bool{true, false} {
		b := newBench(t)
		rec := b.push("", b.commits[0], dead)
		rec.Quarantine = filepath.Join(b.Repo.Dir, "objects/tmp_objdir-incoming-abc")
		if err := os.Mkdir(rec.Quarantine, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := b.Repo.save(rec); err != nil {
			t.Fatal(err)
		}
		files := []string{b.Repo.lockFile("refs/heads/main"), b.Repo.lockFile("HEAD")}
		for i, text := range []string{b.commits[0] + "\n", ""} {
			if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if seen {
			if err := b.Transact(t.Context(), "prepared", &rec.Receiver, []Update{rec.Refs[0].Update, {Ref: "HEAD"}}); err != nil {
				t.Fatal(err)
			}
		}
		b.ends(0, 1)
		for _, file := range append(files, rec.Quarantine) {
			if _, err := os.Lstat(file); err == nil {
				t.Errorf("seen %v: %s is left", seen, file)
			}
		}
	}
}

// TestSweep removes a quarantine that has no record, but not this push's.
func TestSweep(t *testing.T) {
	b := newBench(t)
	left, own := filepath.Join(
		b.Repo.Dir,
		"objects/tmp_objdir-incoming-left",
	), filepath.Join(
		b.Repo.Dir,
		"objects/tmp_objdir-incoming-own",
	)
	for _, dir := range []string{left, own} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Repo.sweep(Push{Receiver: self(t), Quarantine: []string{"GIT_QUARANTINE_PATH=" + own}}); err != nil {
		t.Fatal(err)
	}
	if stat(left) != nil || stat(own) == nil {
		t.Errorf("left: %v, own: %v", stat(left), stat(own))
	}
}

// TestOthersLock leaves a lock that holds another commit.
func TestOthersLock(t *testing.T) {
	b := newBench(t)
	b.push("", b.commits[0], dead)
	file := b.Repo.lockFile("refs/heads/main")
	if err := os.WriteFile(file, []byte(b.commits[1]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.ends(0, 1)
	if _, err := os.Lstat(file); err != nil {
		t.Errorf("the lock of somebody else is gone")
	}
}

func TestLocked(t *testing.T) {
	b := newBench(t)
	unlock, err := b.Repo.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Repo.lock(ctx)
	wantID(t, err, "push/locked")
}

func TestSmall(t *testing.T) {
	b := newBench(t)
	wantID(t, (&Settings{EnvFile: "x.env"}).check(t.Context(), b.Repo), "push/relative-path")
	if _, err := ReadUpdates(strings.NewReader("a b\n")); err == nil {
		t.Error("a line of two words is read")
	}
	if got, err := ReadUpdates(strings.NewReader("a b refs/heads/c d\n")); err != nil || len(got) != 1 ||
		got[0].Ref != "refs/heads/c d" {
		t.Errorf("%+v %v", got, err)
	}
	if self(t).Alive() != true || dead.Alive() || (Process{PID: os.Getpid(), Start: 1}).Alive() {
		t.Error("alive")
	}
	if _, err := Receiver(os.Getpid()); !errors.Is(err, errGone) {
		t.Errorf("a test has a receive-pack: %v", err)
	}
	for line, want := range map[string]bool{"git-receive-pack x": true, "/usr/lib/git-core/git-receive-pack /x": true, "git receive-pack --stateless-rpc .": true,
		"sh -c git-receive-pack": false, "git upload-pack": false, "": false} {
		if got := isReceivePack(strings.Split(line, " ")); got != want {
			t.Errorf("%q is a receive-pack: %v", line, got)
		}
	}
	rec := &Record{
		ID:      "1",
		App:     "blog",
		Version: 2,
		Refs:    []Ref{{Update: Update{Ref: "refs/heads/main", New: b.commits[0]}}},
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
	want := "Released blog v2 (main " + b.commits[0][:7] + ")|web, worker|changed: web: b (before: a)|new: worker: w|removed: clock: c|3.8 kB, 1.2 kB less than v1|sha256:d"
	if got := strings.Join(b.report(rec, result, before), "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
