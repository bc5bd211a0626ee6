package release_test

import (
	"context"
	"path/filepath"
	"testing"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/release/releasetest"
)

func TestFollow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	releasetest.Follow(t, func() coordinator.Coordinator { return open(t, path) })
}

func TestFollowNobody(t *testing.T) {
	updates := newReleases(t).Follow(t.Context(), "No App")
	releasetest.WantFault(t, (<-updates).Err, "release/app-name", 2)
	if _, more := <-updates; more {
		t.Error("the channel is open")
	}
}

// TestFollowAfterCompaction: the history that a follower would need is gone, so it reads
// again.
func TestFollowAfterCompaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	short, err := local.Open(path, local.Options{History: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close()
	slow := &gatedWatch{Coordinator: open(t, path), pass: make(chan struct{})}
	updates := releasetest.New(slow).Follow(t.Context(), "blog")
	<-updates
	for n := range 5 {
		releasetest.Must(releasetest.New(short).Register(t.Context(), "blog", releasetest.Request(n, "web")))(t)
	}
	close(slow.pass) // only now the watch begins, five revisions late
	releasetest.AwaitVersion(t, updates, 5)
}

// gatedWatch is a coordinator whose watches wait.
type gatedWatch struct {
	coordinator.Coordinator
	pass chan struct{}
}

func (g *gatedWatch) Watch(ctx context.Context, prefix string, from int64) <-chan coordinator.Delivery {
	<-g.pass
	return g.Coordinator.Watch(ctx, prefix, from)
}
