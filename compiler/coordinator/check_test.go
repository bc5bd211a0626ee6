package coordinator_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"slugc/compiler/coordinator"
)

func TestCheckKey(t *testing.T) {
	good := []string{
		"/a",
		"/a/b",
		"/apps/blog/releases/0000000001",
		"/A.b_c-9/..a",
		"/...",
		"/slugs/sha256:00ff",
		"/" + strings.Repeat("s", 128),
	}
	for _, key := range good {
		if err := coordinator.CheckKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
		if err := coordinator.CheckPrefix(key + "/"); err != nil {
			t.Errorf("%q: %v", key+"/", err)
		}
		if err := coordinator.CheckPrefix(key); !errors.Is(err, coordinator.ErrBadKey) {
			t.Errorf("prefix %q: %v", key, err)
		}
	}
	bad := []string{
		"", "/", "a", "a/b", "/a/", "//", "//a", "/a//b", "/.", "/..", "/a/../b", "/a/./b",
		"/a b", "/ä", "/a\x00", "/a\n", "/a*", "/a;b", "/\xff",
		"/" + strings.Repeat("s", 129), strings.Repeat("/"+strings.Repeat("s", 127), 9),
	}
	for _, key := range bad {
		if err := coordinator.CheckKey(key); !errors.Is(err, coordinator.ErrBadKey) {
			t.Errorf("%q: %v", key, err)
		}
	}
	if err := coordinator.CheckPrefix("/"); err != nil {
		t.Error(err)
	}
}

func TestCheckKeys(t *testing.T) {
	keys := slices.Repeat([]string{"/a"}, coordinator.MaxKeys)
	if err := errors.Join(coordinator.CheckKeys(), coordinator.CheckKeys(keys...)); err != nil {
		t.Error(err)
	}
	if err := coordinator.CheckKeys(append(keys, "/a")...); !errors.Is(err, coordinator.ErrBadCommit) {
		t.Error(err)
	}
	if err := coordinator.CheckKeys("/a", "b"); !errors.Is(err, coordinator.ErrBadKey) {
		t.Error(err)
	}
}

func TestCheckCommit(t *testing.T) {
	var compares []coordinator.Compare
	var writes []coordinator.Write
	for i := range coordinator.MaxCompares + 1 {
		compares = append(compares, coordinator.Compare{Key: fmt.Sprint("/c/", i)})
		writes = append(writes, coordinator.Write{Key: fmt.Sprint("/w/", i)})
	}
	value := make([]byte, coordinator.MaxValue)
	most := append(slices.Clone(writes[:coordinator.MaxWrites-1]), coordinator.Write{Key: "/v", Value: value})
	if err := coordinator.CheckCommit(compares[1:], most); err != nil {
		t.Error(err)
	}
	type commit struct {
		compares []coordinator.Compare
		writes   []coordinator.Write
	}
	for name, bad := range map[string]commit{
		"compares":          {compares: compares},
		"writes":            {writes: writes[:coordinator.MaxWrites+1]},
		"value":             {writes: []coordinator.Write{{Key: "/a", Value: append(value, 1)}}},
		"whole":             {writes: []coordinator.Write{{Key: "/a", Value: value}, {Key: "/b", Value: value}}},
		"twice":             {writes: []coordinator.Write{{Key: "/a"}, {Key: "/a", Delete: true}}},
		"negative revision": {compares: []coordinator.Compare{{Key: "/a", Rev: -1}}},
	} {
		if err := coordinator.CheckCommit(bad.compares, bad.writes); !errors.Is(err, coordinator.ErrBadCommit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := coordinator.CheckCommit(nil, []coordinator.Write{{Key: "a"}}); !errors.Is(err, coordinator.ErrBadKey) {
		t.Error(err)
	}
	if err := coordinator.CheckCommit([]coordinator.Compare{{Key: "a"}}, nil); !errors.Is(err, coordinator.ErrBadKey) {
		t.Error(err)
	}
}
