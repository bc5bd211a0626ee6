package compiler

import (
	"context"
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
	"slugc/detect"
)

// needy is a candidate that requires what nobody provides.
func needy() lifecycle.Candidate {
	var c lifecycle.Candidate
	c.Info.ID = "acme/cobol"
	c.Plans.BuildPlan = libcnb.BuildPlan{Requires: []libcnb.BuildPlanRequire{{Name: "mainframe"}}}
	return c
}

// TestFaults are faults that the command line cannot be brought to show: they take a broken
// detector, a buildpack that is not built in, or luck.
func TestFaults(t *testing.T) {
	home, err := cache.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	app := t.TempDir()
	b := &build{
		Engine:  &Engine{Home: home, Report: &reporttest.Recorder{}},
		Request: Request{App: "hello"},
	}
	staged := Staged{Dirs: &cache.Build{AppDir: app}}
	for name, test := range map[string]struct {
		do   func() error
		id   string
		code int
	}{
		"a detector breaks": {func() error { return detectFault(errors.New("index out of range")) }, "detect/detector-broke", fault.ExitDetect},
		"a language without buildpack": {func() error {
			_, err := b.resolve(app, []detect.Result{{Language: "cobol"}})
			return err
		}, "detect/no-buildpack", fault.ExitNoMatch},
		"plans that do not go together": {func() error {
			_, err := plan([]lifecycle.Candidate{needy()})
			return err
		}, "detect/no-plan", fault.ExitDetect},
		"no process types": {func() error {
			_, err := b.processTypes(staged, Group{}, Built{Layers: &lifecycle.Result{}})
			return err
		}, "procfile/no-process-types", fault.ExitBuild},
		"no such version": {func() error {
			return toolchainFault(noNode(t))
		}, "toolchain/no-such-version", fault.ExitBuild},
		"a version that is none": {func() error {
			return toolchainFault(&toolchain.ConstraintError{Tool: "jdk", Constraint: "x", From: "system.properties", Err: errors.New("not a number")})
		}, "toolchain/version-invalid", fault.ExitBuild},
		"another digest than the pinned": {func() error {
			return toolchainFault(&toolchain.HashError{Tool: "yarn", Version: "4.9.2", From: "package.json packageManager", Want: "sha512.1fc0"})
		}, "toolchain/hash-mismatch", fault.ExitBuild},
		"another build": {func() error { return lockTwice(t, b) }, "build/locked", fault.ExitTransient},
	} {
		t.Run(name, func(t *testing.T) {
			f := fault.Of(test.do())
			if f == nil || f.ID != test.id || f.Code != test.code || len(f.Hints) == 0 {
				t.Errorf("got %+v, want %s, exit %d", f, test.id, test.code)
			}
		})
	}
}

// noNode asks a distribution for a version that it does not have.
func noNode(t *testing.T) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(
			w,
			`[{"version":"v22.1.0","date":"2024-05-02","files":["linux-x64"],"npm":"10.7.0","lts":false,"security":false}]`,
		)
	}))
	defer server.Close()
	store, err := toolchain.Open(t.TempDir(), toolchain.Settings{NodeDist: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Ensure(
		t.Context(),
		[]toolchain.Request{{Tool: "node", Constraint: "99.x", From: "package.json engines.node"}},
		progress{&reporttest.Recorder{}},
	)
	return err
}

// lockTwice waits for a lock that nobody lets go, until a deadline.
func lockTwice(t *testing.T, b *build) error {
	t.Helper()
	unlock, err := b.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = b.lock(ctx)
	return err
}
