package toolchain_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/testkit"
)

// firstFile is a regular file of a tree.
func firstFile(t *testing.T, tree string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(tree, "bin", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%q has no programs: %v", tree, err)
	}
	return files[0]
}

// TestDamagedToolchain changes a file of a tree: the next use fetches the tree again and says why. What
// cannot be fetched again is an error that names the tree.
func TestDamagedToolchain(t *testing.T) {
	t.Parallel()
	dir, srv := t.TempDir(), full(t)
	st := srv.Open(dir)
	tc, _ := toolchaintest.Get(t, st, "node", "")
	file := firstFile(t, tc.Dir)
	want := testkit.Read(t, file)
	testkit.Write(t, file, "changed")
	_, r := toolchaintest.Get(t, st, "node", "")
	if got := testkit.Read(t, file); got != want || srv.Requests(nodeFile) != 2 {
		t.Errorf("it holds %q after %d fetches", got, srv.Requests(nodeFile))
	}
	if notes := strings.Join(r.Notes(), "\n"); !strings.Contains(notes, "is damaged (bin/"+filepath.Base(file)) {
		t.Errorf("it says %q", notes)
	}
	testkit.Write(t, file, "changed")
	offline := must(toolchain.Open(dir, toolchain.Settings{Offline: true, OS: "linux", Arch: "amd64"}))
	_, err := offline.Ensure(t.Context(), []toolchain.Request{{Tool: "node"}}, nil)
	if damaged, ok := errors.AsType[*toolchain.DamagedError](err); !ok || damaged.Tree != tc.Dir ||
		!strings.Contains(err.Error(), "cannot be fetched again") {
		t.Errorf("offline: %v", err)
	}
}

// TestToolchainWithoutManifest fetches a tree of an older slugc again, and takes it as it is where that is
// not possible.
func TestToolchainWithoutManifest(t *testing.T) {
	t.Parallel()
	dir, srv := t.TempDir(), full(t)
	st := srv.Open(dir)
	tc, _ := toolchaintest.Get(t, st, "node", "")
	forget := func() {
		if err := os.RemoveAll(filepath.Join(dir, ".manifests")); err != nil {
			t.Fatal(err)
		}
	}
	forget()
	if toolchaintest.Get(t, srv.Open(dir), "node", ""); srv.Requests(nodeFile) != 2 {
		t.Errorf("it was fetched %d times", srv.Requests(nodeFile))
	}
	forget()
	offline := must(toolchain.Open(dir, toolchain.Settings{Offline: true, OS: "linux", Arch: "amd64"}))
	got, err := offline.Ensure(t.Context(), []toolchain.Request{{Tool: "node"}}, nil)
	if err != nil || got[0].Dir != tc.Dir {
		t.Errorf("offline: %v, %v", got, err)
	}
}

// TestVerify reads everything: damage that no stat shows is found, and what is damaged is made again.
func TestVerify(t *testing.T) {
	t.Parallel()
	_, st, tc := withGo(t)
	parts := must(st.Derived(t.Context(), tc, "parts", nil, fill))
	if problems, err := st.Verify(t.Context()); err != nil || len(problems) != 0 {
		t.Fatalf("a whole store: %q, %v", problems, err)
	}
	testkit.Write(t, filepath.Join(parts, "part"), "changed")
	lease := st.Lease(nil)
	must(lease.Ensure(t.Context(), []toolchain.Request{{Tool: "go"}}))
	problems, err := st.Verify(t.Context())
	if err != nil || len(problems) != 1 ||
		!strings.HasPrefix(problems[0], "parts of toolchain go 1.25.1: part was changed") {
		t.Errorf("got %q, %v", problems, err)
	}
	again := must(lease.Derived(t.Context(), tc, "parts", nil, fill))
	if info, err := os.Stat(filepath.Join(again, "part")); err != nil || info.Size() != 4096 {
		t.Errorf("it is not made again: %v, %v", info, err)
	}
	if lease.Digest(again) == "" || len(must(st.Digests())) != 2 {
		t.Errorf("the store has the digests %v", must(st.Digests()))
	}
	testkit.Write(t, firstFile(t, tc.Dir), "changed")
	if problems := must(st.Verify(t.Context())); len(problems) != 1 ||
		!strings.HasSuffix(problems[0], "a build uses it") {
		t.Errorf("with a lease: %q", problems)
	}
	lease.Release()
	if problems := must(st.Verify(t.Context())); len(problems) != 1 || len(must(st.List())) != 0 {
		t.Errorf("without: %q, %v", problems, must(st.List()))
	}
}

// TestLeaseAndPrune holds that a prune takes nothing that a lease holds, and all of it afterwards.
func TestLeaseAndPrune(t *testing.T) {
	t.Parallel()
	dir, st, _ := withGo(t)
	lease := must(toolchain.Open(dir, toolchain.Settings{Offline: true, OS: "linux", Arch: "amd64"})).Lease(nil)
	tc := must(lease.Ensure(t.Context(), []toolchain.Request{{Tool: "go"}}))[0]
	parts := must(lease.Derived(t.Context(), tc, "parts", nil, fill))
	none := func(toolchain.Toolchain, time.Time) bool { return false }
	if freed := must(st.Prune(none)); freed != 0 || !testkit.Exists(parts, "part") {
		t.Errorf("a prune takes %d bytes from a build", freed)
	}
	lease.Release()
	if freed := must(st.Prune(none)); freed < 4096 || testkit.Exists(tc.Dir) || len(must(st.Digests())) != 0 {
		t.Errorf("a prune frees %d bytes", freed)
	}
}

// TestDerivedFromTheMachine makes a directory again when a file that it was made from has changed.
func TestDerivedFromTheMachine(t *testing.T) {
	t.Parallel()
	_, st, tc := withGo(t)
	library, made := filepath.Join(t.TempDir(), "lib.so"), 0
	testkit.Write(t, library, "1")
	copying := func(_ context.Context, dir string) error {
		made++
		testkit.Write(t, filepath.Join(dir, "lib.so"), testkit.Read(t, library))
		testkit.Write(t, filepath.Join(dir, toolchain.InputsName), `["`+library+`"]`)
		return nil
	}
	for i, text := range []string{"1", "1", "2"} {
		testkit.Write(t, library, text)
		parts := must(st.Derived(t.Context(), tc, "parts", nil, copying))
		if got := testkit.Read(t, filepath.Join(parts, "lib.so")); got != text ||
			testkit.Exists(parts, toolchain.InputsName) {
			t.Errorf("build %d has %q", i, got)
		}
	}
	if made != 2 {
		t.Errorf("it was made %d times", made)
	}
}

// TestVerifyInTrouble holds that what cannot be read is not taken for damaged: verify ends with the error,
// so does a build, and nothing is removed.
func TestVerifyInTrouble(t *testing.T) {
	t.Parallel()
	dir, st, tc := withGo(t)
	manifests, err := filepath.Glob(filepath.Join(dir, ".manifests", "*"))
	if err != nil || len(manifests) != 1 {
		t.Fatalf("the store has the manifests %q: %v", manifests, err)
	}
	for _, file := range []string{manifests[0], filepath.Join(tc.Dir, "toolchain.json")} {
		aside := filepath.Join(t.TempDir(), "aside")
		// Reading a process's address 0 fails with EIO: proc_pid_mem(5).
		if err := errors.Join(os.Rename(file, aside), os.Symlink("/proc/self/mem", file)); err != nil {
			t.Fatal(err)
		}
		if problems, err := st.Verify(t.Context()); !errors.Is(err, syscall.EIO) || len(problems) != 0 {
			t.Errorf("%s: got %q, %v", filepath.Base(file), problems, err)
		}
		if err := os.Rename(aside, file); err != nil {
			t.Fatal(err)
		}
	}
	if problems, err := st.Verify(t.Context()); err != nil || len(problems) != 0 {
		t.Errorf("afterwards: %q, %v", problems, err)
	}
}

// TestKept lists trees with what was derived from them, and removes neither what a lease holds nor what was used
// since it was listed.
func TestKept(t *testing.T) {
	t.Parallel()
	dir, st, _ := withGo(t)
	lease := must(toolchain.Open(dir, toolchain.Settings{Offline: true, OS: "linux", Arch: "amd64"})).Lease(nil)
	tc := must(lease.Ensure(t.Context(), []toolchain.Request{{Tool: "go"}}))[0]
	parts := must(lease.Derived(t.Context(), tc, "parts", nil, fill))
	kept := must(st.Kept())
	if len(kept) != 2 || kept[0].Derived != "" || kept[1].Derived != "parts" || kept[1].Size != 4096 ||
		kept[1].Content != lease.Digest(parts) || !kept[0].InUse || !kept[1].InUse || kept[0].Used.IsZero() {
		t.Fatalf("%+v", kept)
	}
	for _, k := range kept {
		if freed := must(st.Remove(k)); freed != 0 {
			t.Errorf("%s: %d bytes are taken from a build", k.Derived, freed)
		}
	}
	lease.Release()
	earlier := kept[1]
	earlier.Used = earlier.Used.Add(-time.Second)
	if freed := must(st.Remove(earlier)); freed != 0 {
		t.Errorf("%d bytes go that were used since", freed)
	}
	if freed := must(st.Remove(kept[1])); freed != 4096 || testkit.Exists(parts) || !testkit.Exists(tc.Dir) {
		t.Errorf("freed %d of what was derived", freed)
	}
	if freed := must(st.Remove(kept[0])); freed <= 0 || len(must(st.Kept())) != 0 {
		t.Errorf("freed %d of the tree", freed)
	}
}
