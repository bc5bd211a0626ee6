package libraries_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"slugc/buildpacks/toolchain/libraries"
)

// TestBring makes a program of this machine self-contained.
func TestBring(t *testing.T) {
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	into := filepath.Join(root, "lib")
	if err := errors.Join(os.WriteFile(filepath.Join(root, "git"), data, 0o755), os.WriteFile(filepath.Join(root, "script"), []byte("#!/bin/sh\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	_, missing, err := libraries.Bring(into, []string{root}, nil)
	if err != nil || !slices.Contains(missing, "libz.so.1") || slices.Contains(missing, "libc.so.6") {
		t.Errorf("with nowhere to look: missing %v, %v", missing, err)
	}
	brought, missing, err := libraries.Bring(into, []string{root}, libraries.Machine("amd64"))
	if err != nil || len(missing) > 0 || !slices.Contains(brought, "libz.so.1") ||
		slices.Contains(brought, "libc.so.6") {
		t.Errorf("brought %v, missing %v, %v", brought, missing, err)
	}
	if info, err := os.Lstat(filepath.Join(into, "libz.so.1")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("libz.so.1: %v, %v", info, err)
	}
	if brought, missing, err = libraries.Bring(into, []string{root}, libraries.Machine("amd64")); err != nil ||
		len(brought)+len(missing) > 0 {
		t.Errorf("again: brought %v, missing %v, %v", brought, missing, err)
	}
}
