package follow_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"slugc/compiler/abi"
	"slugc/compiler/fault"
	"slugc/compiler/follow"
	"slugc/compiler/release"
)

// TestMounts runs releases that are to be seen at /app, the first with the second beside it.
func TestMounts(t *testing.T) {
	t.Parallel()
	f := start(t, nil)
	f.mounts = []string{"/app", "/workspace", "/layers"}
	for v, text := range []string{"v1", "v2"} {
		command := "test \"$PWD $(cat /app/version /workspace/version)\" = '/app " + text[1:] + text[1:] + "' && "
		f.send(f.release(v+1, one, "web", command+serve(t, text)))
		f.awaitLine(text + " is live")
	}
	f.stop()
}

// TestCheck does not start a release that the machine cannot load: the one before goes on, and is asked for the types
// of the formation alone.
func TestCheck(t *testing.T) {
	t.Parallel()
	var refuse atomic.Bool
	f := start(t, func(o *follow.Options) {
		o.Check = func(_ *abi.Record, types, env []string) (string, error) {
			if !slices.Equal(types, []string{"web"}) || !slices.Contains(env, "COLOUR=green") {
				t.Errorf("it is asked for %q, %q", types, env)
			}
			if refuse.Load() {
				err := errors.New("no such library")
				return "", fault.New(fault.Slugc, fault.ExitLaunch, "launch/not-loadable", err, "install it")
			}
			return "something is missing", nil
		}
	})
	f.send(f.release(1, release.Formation{"web": 1, "worker": 0}, "web", serve(t, "v1"), "worker", "false"))
	f.awaitLine("something is missing")
	f.awaitLine("v1 is live")
	refuse.Store(true)
	f.send(f.release(2, one, "web", serve(t, "v2")))
	f.awaitLine("v2 can't be started: no such library")
	f.awaitLine("hint: install it")
	f.awaitLine("v1 goes on")
	f.stop()
}
