package clojure

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/source"
	"slugc/detect/lazyregexp"
)

var debianVersion = lazyregexp.New(`^(\d+\.\d+\.\d+)[-+~]`)

// newDebian returns the source that makes a tool of the jars in Debian's packages.
func newDebian(client *apt.Client, p apt.Packages) source.Source {
	p.Version = apt.Upstream(debianVersion)
	return &apt.Source{
		Client: client, Packages: p,
		Place: func(ctx context.Context, debs []string, _ apt.Found, j *source.Job) error {
			root := filepath.Join(j.Temp, "root")
			if err := client.Unpack(ctx, root, debs...); err != nil {
				return err
			}
			lib := filepath.Join(j.Tree, "lib")
			if err := os.MkdirAll(lib, 0o755); err != nil {
				return err
			}
			if err := gatherJars(filepath.Join(root, "usr", "share", "java"), lib); err != nil {
				return fmt.Errorf("unpacking Debian's %s: %w", p.Prefix, err)
			}
			return nil
		},
	}
}
