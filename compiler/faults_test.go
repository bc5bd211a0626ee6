package compiler

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/report/reporttest"
	"slugc/compiler/sandbox"
	"slugc/compiler/source"
	"slugc/detect"
)

// TestFaults holds faults that need a broken detector, a buildpack that is not built in, or luck.
func TestFaults(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	for name, test := range map[string]struct {
		err  func() error
		id   string
		code int
	}{
		"a detector breaks": {
			func() error { return detectFault(errors.New("index out of range")) },
			"detect/detector-broke", fault.ExitDetect,
		},
		"a language without buildpack": {func() error {
			b := &build{Engine: m.Engine, Request: m.req, clock: newClock()}
			staged := Staged{Tree: &source.Tree{Root: m.src}, Dirs: &cache.Build{Dir: t.TempDir()}}
			_, err := b.resolve(t.Context(), staged, Described{}, []detect.Result{{Language: "cobol"}})
			return err
		}, "detect/no-buildpack", fault.ExitNoMatch},
		"plans that do not go together": {func() error {
			_, err := plan([]lifecycle.Candidate{unmetCandidate()})
			return err
		}, "detect/no-plan", fault.ExitDetect},
		"no such version": {
			func() error { return toolchainFault(noSuchNode(t)) },
			"toolchain/no-such-version", fault.ExitBuild,
		},
		"a version that is none": {func() error {
			return toolchainFault(&toolchain.ConstraintError{
				Tool: "jdk", Constraint: "x", From: "system.properties", Err: errors.New("not a number"),
			})
		}, "toolchain/version-invalid", fault.ExitBuild},
		"slower than the limit": {func() error {
			return toolchainFault(&sandbox.LimitError{Which: sandbox.LimitDeadline, Limit: time.Hour})
		}, "toolchain/unavailable", fault.ExitTransient},
		"another digest than the pinned": {func() error {
			return toolchainFault(&toolchain.HashError{
				Tool: "yarn", Version: "4.9.2", From: "package.json packageManager", Want: "sha512.1fc0",
			})
		}, "toolchain/hash-mismatch", fault.ExitBuild},
		"another digest than the pinned, of one distribution": {func() error {
			return toolchainFault(&toolchain.HashError{Tool: "pnpm", Version: "10.1.0", Want: "sha512.1fc0"})
		}, "toolchain/hash-mismatch", fault.ExitBuild},
	} {
		t.Run(name, func(t *testing.T) {
			f := fault.Of(test.err())
			if f == nil || f.ID != test.id || f.Code != test.code || len(f.Hints) == 0 {
				t.Errorf("got %+v, want %s, exit %d", f, test.id, test.code)
			}
		})
	}
}

// unmetCandidate requires what nobody provides.
func unmetCandidate() lifecycle.Candidate {
	var c lifecycle.Candidate
	c.Info.ID = "acme/cobol"
	c.Plans.BuildPlan = libcnb.BuildPlan{Requires: []libcnb.BuildPlanRequire{{Name: "mainframe"}}}
	return c
}

// noSuchNode asks a distribution for a version that it does not have.
func noSuchNode(t *testing.T) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `[{"version":"v22.1.0","date":"2024-05-02","files":["linux-x64"],"npm":"10.7.0","lts":false}]`)
	}))
	defer server.Close()
	store, err := toolchain.Open(t.TempDir(), toolchain.Settings{NodeDist: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	wanted := toolchain.Request{Tool: "node", Constraint: "99.x", From: "package.json engines.node"}
	_, err = store.Ensure(t.Context(), []toolchain.Request{wanted}, progress{&reporttest.Recorder{}})
	return err
}
