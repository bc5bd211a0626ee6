package releasetest

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/coordinator"
	"slugc/compiler/release"
)

// Registrar is a process that registers count releases of "blog" in a store, the file or URL of
// which is given, under the keys name.0, name.1 …
func Registrar(t testing.TB, store, name string, count int) *exec.Cmd {
	t.Helper()
	program := testkit.Program(t, "slugc/compiler/release/releasetest/testdata/registrar")
	return exec.CommandContext(t.Context(), program, store, name, strconv.Itoa(count))
}

// KillRegistrars kills registrars at random moments: in each of some lanes, one after another. What
// they had acknowledged exists under the number they had been told. The numbers have no gap and no
// duplicate, whatever else was registered. Registering again under a key returns the same release.
// c is a handle onto the store.
func KillRegistrars(t *testing.T, store string, c coordinator.Coordinator, lanes, kills int) {
	Registrar(t, store, "", 0) // builds the program: the goroutines below must not end the test
	var mu sync.Mutex
	acknowledged := map[string]int{} // key → version
	var wg sync.WaitGroup
	for lane := range lanes {
		wg.Go(func() {
			for k := range kills {
				cmd := Registrar(t, store, fmt.Sprintf("lane%d.%d", lane, k), 1000)
				for _, line := range testkit.RunAndKill(t, cmd, 25*time.Millisecond) {
					key, number, _ := strings.Cut(line, " ")
					version, err := strconv.Atoi(number)
					if err != nil {
						t.Errorf("a registrar said %q", line)
					}
					mu.Lock()
					acknowledged[key] = version
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	killed := lanes * kills
	r := New(c)
	checkKeys(t, r, acknowledged)
	total := Count(t, r, "blog")
	if total < len(acknowledged) || total > len(acknowledged)+killed {
		t.Errorf("%d releases of %d acknowledged, %d killed", total, len(acknowledged), killed)
	}
	if len(acknowledged) < killed/4 {
		t.Errorf("only %d releases in %d lives: the test says little", len(acknowledged), killed)
	}
	t.Logf("%d kills, %d acknowledged, %d releases", killed, len(acknowledged), total)
}

// checkKeys requires that each key has its own version, also when it is registered again: so that
// made no release. (A killed process's last request may still arrive, so the number of releases
// does not tell.)
func checkKeys(t *testing.T, r *release.Releases, acknowledged map[string]int) {
	t.Helper()
	numbers := map[int]string{}
	for key, version := range acknowledged {
		if other, ok := numbers[version]; ok {
			t.Errorf("v%d was given to %s and %s", version, key, other)
		}
		numbers[version] = key
		q := Request(1, "web") // as the registrar's
		q.Key = key
		if rel := Must(r.Register(t.Context(), "blog", q))(t); rel.Version != version {
			t.Errorf("%s was told v%d and now v%d", key, version, rel.Version)
		}
	}
}
