package toolchain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// localGo is the Go that the machine has, used where it lies.
type localGo struct{ st *Store }

func (*localGo) name() string { return "this machine" }

func (l *localGo) version() string {
	v, _, _ := strings.Cut(strings.TrimPrefix(l.st.set.LocalGo.Version, "go"), " ")
	return v
}

func (l *localGo) find(_ context.Context, w *want) (string, string, error) {
	root := l.st.set.LocalGo.Root
	if root == "" || !goVersion.MatchString(l.version()) {
		return "", "", errDisabled
	}
	if info, err := os.Stat(filepath.Join(root, "bin", "go")); err != nil || !info.Mode().IsRegular() {
		return "", "", fmt.Errorf("there is no bin/go in %q", root)
	}
	v, note := w.pick(&listing{versions: []string{l.version()}})
	if v == "" {
		return "", "", fmt.Errorf("its Go is %s", l.version())
	}
	return v, note, nil
}

func (l *localGo) fetch(context.Context, string, *job) (string, error) { return "", errDisabled }

func (l *localGo) record(version string) *record {
	return &record{
		Schema:  1,
		Tool:    "go",
		Version: version,
		OS:      l.st.set.OS,
		Arch:    l.st.set.Arch,
		Source:  l.name(),
		Root:    l.st.set.LocalGo.Root,
	}
}
