package golang

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/toolchain/source"
)

// local is the Go that the machine has, used where it lies. It is a [source.InPlace].
type local struct{ set Local }

// Name returns "this machine".
func (*local) Name() string { return "this machine" }

func (l *local) version() string {
	v, _, _ := strings.Cut(strings.TrimPrefix(l.set.Version, "go"), " ")
	return v
}

// Endpoints returns the root.
func (l *local) Endpoints(context.Context) []source.Endpoint {
	if !l.enabled() {
		return source.Off(l.Name())
	}
	return []source.Endpoint{{
		Name: l.Name(), Address: l.set.Root, Check: func(context.Context) error { return l.check() },
	}}
}

func (l *local) enabled() bool { return l.set.Root != "" && goVersion.MatchString(l.version()) }

func (l *local) check() error {
	if info, err := os.Stat(filepath.Join(l.set.Root, "bin", "go")); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("there is no bin/go in %q", l.set.Root)
	}
	return nil
}

// Resolve chooses the machine's version, if it serves.
func (l *local) Resolve(_ context.Context, c *source.Constraint) (string, string, error) {
	if !l.enabled() {
		return "", "", source.ErrDisabled
	}
	if err := l.check(); err != nil {
		return "", "", err
	}
	v, note := c.Pick(source.Listing{Versions: []string{l.version()}})
	if v == "" {
		return "", "", fmt.Errorf("its Go is %s", l.version())
	}
	return v, note, nil
}

// Root returns GOROOT for the machine's version.
func (l *local) Root(version string) string {
	if version != l.version() {
		return ""
	}
	return l.set.Root
}

// Fetch is not called.
func (*local) Fetch(context.Context, string, *source.Job) (string, error) {
	return "", source.ErrDisabled
}
