package etcdtest

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"slugc/cache/testkit"
)

// shared is the cluster of all tests of the process.
var shared struct {
	once    sync.Once
	cluster *Cluster
	owner   *processTB
}

// Shared returns a cluster of three members without elections ([Steady]) that the tests of the
// process share. Tests must harm no member and use a prefix of their own. The package's TestMain
// must call [Main].
func Shared(t testing.TB) *Cluster {
	t.Helper()
	testkit.NeedsTools(t, "etcd")
	shared.once.Do(func() {
		shared.owner = &processTB{TB: t}
		shared.cluster = Start(shared.owner, 3, Steady...)
	})
	if shared.cluster == nil {
		t.Fatal("the shared cluster does not start")
	}
	return shared.cluster
}

// Main runs a package's tests, ends the shared cluster and returns the exit code.
func Main(m *testing.M) int {
	code := m.Run()
	if shared.owner != nil {
		shared.owner.end()
	}
	return code
}

// processTB stands for the whole process as a test.
type processTB struct {
	testing.TB // the test that asked first
	cleanups   []func()
}

func (p *processTB) Helper()                {}
func (p *processTB) Cleanup(cleanup func()) { p.cleanups = append(p.cleanups, cleanup) }
func (p *processTB) Error(args ...any)      { panic(fmt.Sprint(args...)) }

func (p *processTB) TempDir() string {
	dir, err := os.MkdirTemp("", "etcdtest-*")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (p *processTB) end() {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
}
