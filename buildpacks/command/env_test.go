package command_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
)

func TestLook(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "tool")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, tt := range []struct{ path, name, want string }{
		{"/nowhere:" + dir, "tool", tool},
		{".", "tool", ""},
		{"", "tool", ""},
		{dir, "text", ""},
		{"", tool, tool},
		{dir, "/nowhere/tool", ""},
	} {
		if got := (command.Env{"PATH": tt.path}).Look(tt.name); got != tt.want {
			t.Errorf("%q on %q is %q, want %q", tt.name, tt.path, got, tt.want)
		}
	}
}

func TestEnv(t *testing.T) {
	t.Parallel()
	e := command.NewEnv([]string{"B=x=y", "A=1", "CNB_LAYERS_DIR=/layers"}, "CNB_", "SLUGC_")
	e.Prepend("PATH", "/a")
	e.Prepend("PATH", "/b", "/c")
	if diff := cmp.Diff([]string{"A=1", "B=x=y", "PATH=/b:/c:/a"}, e.List()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"NPM_TOKEN": true, "DATABASE_URL": true, "SECRET_KEY_BASE": true, "AWS_ACCESS_KEY_ID": true,
		"npm_config__auth": true, "NODE_ENV": false, "npm_config_legacy_peer_deps": false,
		"PUPPETEER_SKIP_DOWNLOAD": false, "MONKEY": false,
	} {
		if command.IsSecret(name) != want {
			t.Errorf("%s is a secret: %t, want %t", name, !want, want)
		}
	}
	got := command.Secrets(map[string]string{
		"NPM_TOKEN": "npm_0123456789", "REGISTRY_URL": " https://me:npm_0123456789@r.example\n",
		"SHORT_TOKEN": "yes", "NODE_ENV": "production",
	})
	slices.Sort(got)
	if diff := cmp.Diff([]string{"https://me:npm_0123456789@r.example", "npm_0123456789"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
