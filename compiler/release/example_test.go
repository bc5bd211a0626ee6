package release_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"slugc/cache/digest"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

// A slug is released, scaled and rolled back, in a coordinator that is a file.
func Example() {
	dir, err := os.MkdirTemp("", "example-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	c, err := local.Open(filepath.Join(dir, "coordinator.db"), local.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	ctx, releases := context.Background(), release.New(c, release.Options{Actor: "ana"})
	_, err = releases.Current(ctx, "blog")
	fmt.Println(errors.Is(err, release.ErrNoReleases))
	for _, commit := range []string{"4f2a9c1d", "9be01f77"} {
		made, err := releases.Register(ctx, "blog", release.Request{
			Slug:      release.SlugRef{Digest: digest.Of([]byte(commit))},
			Processes: []procfile.Process{{Type: "web", Command: "bin/web"}, {Type: "worker", Command: "bin/work"}},
			Commit:    commit,
			Key:       "build of " + commit, // the same key again would return the same release
		})
		if err != nil {
			panic(err)
		}
		fmt.Printf("v%d %s: %s\n", made.Version, made.Status, made.Description)
	}
	formation, _ := releases.Scale(ctx, "blog", release.Change{Type: "worker", Quantity: 2})
	fmt.Println(formation)
	back, _ := releases.Rollback(ctx, "blog", 0, "", false)
	fmt.Printf("v%d %s: %s\n", back.Version, back.Status, back.Description)
	// Output:
	// true
	// v1 current: Deploy 4f2a9c1d
	// v2 current: Deploy 9be01f77
	// map[web:1 worker:2]
	// v3 current: Rollback to v1
}
