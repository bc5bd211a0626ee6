package toolchain_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/testkit"
)

// deriver is the main of a process that derives something from the store's only Go, as its
// environment says: it writes to a file that it has started, and hangs where it is told to.
func deriver() {
	dir, log := os.Getenv("TOOLCHAIN_TEST_DERIVES"), os.Getenv("TOOLCHAIN_TEST_LOG")
	got, err := func() (string, error) {
		st, err := toolchain.Open(dir, toolchain.Settings{Offline: true, OS: "linux", Arch: "amd64"})
		if err != nil {
			return "", err
		}
		held, err := st.List()
		if err != nil || len(held) != 1 {
			return "", fmt.Errorf("%v, %w", held, err)
		}
		return st.Derived(context.Background(), held[0], "parts", nil, func(_ context.Context, dir string) error {
			f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
			if err != nil {
				return err
			}
			_, err = f.WriteString("made\n")
			err = errors.Join(err, f.Close(), os.WriteFile(filepath.Join(dir, "part"), []byte("part"), 0o644))
			if os.Getenv("TOOLCHAIN_TEST_HANGS") != "" {
				time.Sleep(time.Hour)
			}
			return err
		})
	}()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(got)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func derives(t *testing.T, dir, log string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(must(os.Executable()))
	cmd.Env = append([]string{"TOOLCHAIN_TEST_DERIVES=" + dir, "TOOLCHAIN_TEST_LOG=" + log}, env...)
	return cmd
}

// withGo is a store that holds one Go.
func withGo(t *testing.T) (dir string, st *toolchain.Store, tc toolchain.Toolchain) {
	t.Helper()
	dir = t.TempDir()
	st = full(t).Open(dir)
	tc, _ = toolchaintest.Get(t, st, "go", "")
	return dir, st, tc
}

// fill makes a derived directory.
func fill(_ context.Context, dir string) error {
	return os.WriteFile(filepath.Join(dir, "part"), make([]byte, 4096), 0o644)
}

func TestDerivedIsMadeOnceByGoroutines(t *testing.T) {
	t.Parallel()
	dir, st, tc := withGo(t)
	other := must(toolchain.Open(dir, toolchain.Settings{Offline: true, OS: "linux", Arch: "amd64"}))
	var made atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			store := []*toolchain.Store{st, other}[i%2]
			got, err := store.Derived(t.Context(), tc, "parts", nil, func(ctx context.Context, dir string) error {
				made.Add(1)
				return fill(ctx, dir)
			})
			if err != nil || !strings.HasPrefix(got, tc.Dir+"/") {
				t.Errorf("got %q, %v", got, err)
			} else if _, err := os.Stat(filepath.Join(got, "part")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 || len(toolchaintest.Staging(t, dir)) != 0 {
		t.Errorf("it was made %d times; staging holds %v", made.Load(), toolchaintest.Staging(t, dir))
	}
	parts := must(st.Derived(t.Context(), tc, "parts", nil, fill))
	if others := must(st.Derived(t.Context(), tc, "others", nil, fill)); others == parts {
		t.Error("two names have one directory")
	}
}

func TestDerivedIsMadeOnceByProcesses(t *testing.T) {
	t.Parallel()
	dir, _, _ := withGo(t)
	log := filepath.Join(t.TempDir(), "log")
	var wg sync.WaitGroup
	for range 6 {
		cmd := derives(t, dir, log)
		wg.Go(func() {
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%v: %s", err, out)
				return
			}
			text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "part"))
			if err != nil || string(text) != "part" {
				t.Errorf("%s holds %q, %v", out, text, err)
			}
		})
	}
	wg.Wait()
	if got := string(must(os.ReadFile(log))); got != "made\n" {
		t.Errorf("it was made %d times", strings.Count(got, "\n"))
	}
}

// TestDerivedKilled kills a process that is making: the living one's staging is not swept, the dead
// one's is, and the next makes it again.
func TestDerivedKilled(t *testing.T) {
	t.Parallel()
	dir, st, tc := withGo(t)
	log := filepath.Join(t.TempDir(), "log")
	cmd := derives(t, dir, log, "TOOLCHAIN_TEST_HANGS=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the process to make it", func() bool {
		text, _ := os.ReadFile(log)
		return string(text) == "made\n"
	})
	open := func() {
		t.Helper()
		must(toolchain.Open(dir, toolchain.Settings{Offline: true, OS: "linux", Arch: "amd64"}))
	}
	open()
	if len(toolchaintest.Staging(t, dir)) != 1 {
		t.Errorf("staging holds %v while it is made", toolchaintest.Staging(t, dir))
	}
	soon, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("enough"))
	defer cancel()
	waits := 0
	got, err := st.Derived(soon, tc, "parts", func() { waits++ }, fill)
	if got != "" || err == nil || err.Error() != "enough" || waits != 1 {
		t.Errorf("waiting returned %q, %v and was told %d times", got, err, waits)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, err := os.Stat(filepath.Join(tc.Dir, ".derived")); err == nil {
		t.Error("half of it is in place")
	}
	open()
	if len(toolchaintest.Staging(t, dir)) != 0 {
		t.Errorf("staging holds %v", toolchaintest.Staging(t, dir))
	}
	if got, err := st.Derived(t.Context(), tc, "parts", nil, fill); got == "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestDerivedFails(t *testing.T) {
	t.Parallel()
	dir, st, tc := withGo(t)
	broken := errors.New("the compiler is out of order")
	got, err := st.Derived(t.Context(), tc, "parts", nil, func(ctx context.Context, dir string) error {
		return errors.Join(os.Mkdir(filepath.Join(dir, "sub"), 0o500), fill(ctx, dir), broken)
	})
	if got != "" || !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), `deriving "parts" from go 1.25.1: `) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(tc.Dir, ".derived")); err == nil || len(toolchaintest.Staging(t, dir)) != 0 {
		t.Errorf("something is left; staging holds %v", toolchaintest.Staging(t, dir))
	}
	for _, name := range []string{"", ".", "..", "a/b", "../x", "UP", strings.Repeat("x", 200)} {
		if got, err := st.Derived(t.Context(), tc, name, nil, fill); got != "" || err == nil {
			t.Errorf("the name %q returned %q, %v", name, got, err)
		}
	}
	if got, err := st.Derived(t.Context(), tc, "parts", nil, fill); got == "" || err != nil {
		t.Errorf("on another try: %q, %v", got, err)
	}
}

func TestDerivedOfTheMachines(t *testing.T) {
	t.Parallel()
	_, st, tc := withGo(t)
	tc.Source, tc.Dir = "this machine", "/usr/local/go"
	called := func(context.Context, string) error { return errors.New("called") }
	got, err := st.Derived(t.Context(), tc, "parts", nil, called)
	if got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestDerivedGoesWithItsToolchain prunes: what was derived is counted, and gone with the tree. A
// toolchain that was pruned gives an error.
func TestDerivedGoesWithItsToolchain(t *testing.T) {
	t.Parallel()
	dir, st, tc := withGo(t)
	sizes := [2]int64{}
	for i := range sizes {
		tc, _ = toolchaintest.Get(t, st, "go", "")
		if i == 1 {
			must(st.Derived(t.Context(), tc, "parts", nil, fill))
		}
		if held := must(st.List()); len(held) != 1 {
			t.Errorf("List = %v", held)
		}
		sizes[i] = must(st.Prune(func(toolchain.Toolchain, time.Time) bool { return false }))
	}
	if sizes[1] != sizes[0]+4096 {
		t.Errorf("freed %d bytes with 4096 derived ones, %d without", sizes[1], sizes[0])
	}
	if entries := must(os.ReadDir(filepath.Join(dir, "go"))); len(entries) != 0 {
		t.Errorf("the store has %v", entries)
	}
	if got, err := st.Derived(t.Context(), tc, "parts", nil, fill); got != "" || err == nil {
		t.Errorf("of a pruned toolchain: %q, %v", got, err)
	}
}
