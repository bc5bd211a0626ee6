package node

import (
	"slices"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	e := newEnvironment(
		[]string{
			"PATH=/usr/bin", "HOME=/app", "GIT_DIR=/repo", "CNB_LAYERS_DIR=/l", "SLUGC_DIAGNOSIS=/d",
			"npm_config_registry=platform", "npm_config_cafile=/ca",
		},
		map[string]string{
			"PATH": "/evil", "LD_PRELOAD": "/evil.so", "NPM_CONFIG_REGISTRY": "user", "CI": "", "A": "b=c",
		},
	)
	e.defaults()
	e.vars.Prepend("PATH", "/node/bin")
	e.set("npm_config_cafile", "/other")
	e.fallback("npm_config_registry", "default")
	got := e.vars.List()
	for _, want := range []string{
		"A=b=c", "CI=", "HOME=/app", "NODE_ENV=production", "NPM_CONFIG_REGISTRY=user", "PATH=/node/bin:/usr/bin",
		"npm_config_cafile=/other",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	for _, entry := range got {
		for _, prefix := range []string{"GIT_DIR", "CNB_", "SLUGC_", "LD_PRELOAD", "npm_config_registry"} {
			if strings.HasPrefix(entry, prefix) {
				t.Errorf("%q is in the environment", entry)
			}
		}
	}
	if !slices.IsSorted(got) {
		t.Error("the environment is not sorted")
	}
}
