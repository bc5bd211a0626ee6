// Registrar registers releases of the app "blog" from a process of its own, for tests.
//
//	registrar STORE NAME COUNT
//
// STORE is the file or the etcd URL of a store. The idempotency keys are NAME.0, NAME.1 … After
// each registration it prints the key and the version.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"slugc/cache/digest"
	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

func main() {
	if err := register(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func register(store, name, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	slug := release.SlugRef{Digest: digest.Digest(fmt.Sprintf("sha256:%064x", 1)), Size: 1, URL: "file:///s"}
	for i := range n {
		c, err := open(store)
		if err != nil {
			return err
		}
		rel, err := release.New(c, release.Options{}).Register(context.Background(), "blog", release.Request{
			Slug:      slug,
			Processes: []procfile.Process{{Type: "web", Command: "run web"}},
			Key:       fmt.Sprintf("%s.%d", name, i),
		})
		if err != nil {
			return err
		}
		if err := c.Close(); err != nil {
			return err
		}
		fmt.Printf("%s.%d %d\n", name, i, rel.Version)
	}
	return nil
}

func open(store string) (coordinator.Coordinator, error) {
	if !strings.HasPrefix(store, "etcd:") {
		return local.Open(store, local.Options{})
	}
	config, err := etcd.ParseURL(store, nil)
	if err != nil {
		return nil, err
	}
	return etcd.Open(config)
}
