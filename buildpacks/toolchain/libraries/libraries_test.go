package libraries_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"slugc/buildpacks/toolchain/libraries"
	"slugc/cache/disk"
	"slugc/cache/testkit"
)

// TestBring makes a program of this machine self-contained.
func TestBring(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := disk.ReplaceFile(program, filepath.Join(root, "git"), 0o755); err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, filepath.Join(root, "script"), "#!/bin/sh\n")
	into := filepath.Join(root, "lib")
	has := func(names []string, name string) bool { return slices.Contains(names, name) }
	_, missing, err := libraries.Bring(into, []string{root}, nil)
	if err != nil || !has(missing, "libz.so.1") || has(missing, "libc.so.6") {
		t.Errorf("with nowhere to look: missing %v, %v", missing, err)
	}
	names := func(list []libraries.Library) (names []string) {
		for _, l := range list {
			names = append(names, l.Name)
		}
		return names
	}
	from := libraries.Machine(runtime.GOARCH)
	brought, missing, err := libraries.Bring(into, []string{root}, from)
	if err != nil || len(missing) > 0 || !has(names(brought), "libz.so.1") || has(names(brought), "libc.so.6") {
		t.Errorf("brought %v, missing %v, %v", brought, missing, err)
	}
	if info, err := os.Lstat(filepath.Join(into, "libz.so.1")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("libz.so.1: %v, %v", info, err)
	}
	brought, missing, err = libraries.Bring(into, []string{root}, from)
	if err != nil || len(brought)+len(missing) > 0 {
		t.Errorf("again: brought %v, missing %v, %v", brought, missing, err)
	}
}
