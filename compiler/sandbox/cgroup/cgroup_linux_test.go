package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
)

// TestFind reads hierarchies of several kinds of machine. The groups are ordinary directories here.
func TestFind(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mounts, own string
		files       map[string]string
		want        Means
		parent      string
	}{
		"nothing": {own: "0::/\n"},
		"version 2, delegated": {
			"30 23 0:26 / ROOT/v2 rw - cgroup2 cgroup2 rw\n", "0::/user/app/run-1.scope\n",
			map[string]string{
				"v2/user/app/cgroup.procs": "", "v2/user/app/cgroup.subtree_control": "cpu memory pids\n",
				"v2/user/app/run-1.scope/cgroup.procs": "1\n",
			},
			Means{"cgroup v2", "cgroup v2", "cgroup v2"}, "v2/user/app",
		},
		"version 2 without controllers": {
			"30 23 0:26 / ROOT/v2 rw - cgroup2 cgroup2 rw\n", "0::/\n",
			map[string]string{"v2/cgroup.procs": "", "v2/cgroup.subtree_control": "hugetlb\n"}, Means{}, "v2",
		},
		"version 1": {
			"31 23 0:27 / ROOT/memory rw - cgroup cgroup rw,memory\n" +
				"32 23 0:28 / ROOT/pids rw - cgroup cgroup rw,pids\n",
			"2:pids:/hidden\n1:memory:/own\n",
			map[string]string{"memory/own/tasks": "", "pids/tasks": ""},
			Means{Memory: "cgroup v1", Processes: "cgroup v1"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for file, text := range test.files {
				testkit.Write(t, filepath.Join(root, file), text)
			}
			mounts, own := filepath.Join(root, "mountinfo"), filepath.Join(root, "own")
			testkit.Write(t, mounts, strings.ReplaceAll(test.mounts, "ROOT", root))
			testkit.Write(t, own, test.own)
			h := find(mounts, own)
			if diff := cmp.Diff(test.want, h.Means()); diff != "" {
				t.Error(diff)
			}
			want := test.parent
			if want != "" {
				want = filepath.Join(root, want)
			}
			if h.v2 != want {
				t.Errorf("groups of version 2 are made in %q, want %q", h.v2, want)
			}
		})
	}
}

// TestSweep holds that New removes groups that nobody holds, and no others.
func TestSweep(t *testing.T) {
	t.Parallel()
	h := &Hierarchy{v2: t.TempDir(), v1: map[string]string{}}
	first, err := h.New(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(h.v2, prefix+"1")
	if err := os.Mkdir(left, 0o755); err != nil {
		t.Fatal(err)
	}
	second, err := h.New(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if testkit.Exists(left) || !testkit.Exists(first.v2) || !testkit.Exists(second.v2) {
		t.Errorf("left over: %t, held: %t and %t", testkit.Exists(left), testkit.Exists(first.v2),
			testkit.Exists(second.v2))
	}
	first.Remove()
	if testkit.Exists(first.v2) {
		t.Error("the group is not removed")
	}
}

// TestNewTogether makes groups side by side: each sweeps, and none takes another's that was just made.
func TestNewTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var makers sync.WaitGroup
	for range 8 {
		makers.Go(func() {
			h := &Hierarchy{v2: dir}
			for range 200 {
				g, err := h.New(Limits{})
				if err != nil {
					t.Error(err)
					return
				}
				if !testkit.Exists(g.v2) {
					t.Errorf("%s was removed while it is held", g.v2)
				}
				g.Remove()
			}
		})
	}
	makers.Wait()
}
