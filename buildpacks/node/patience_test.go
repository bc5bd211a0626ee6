package node

import (
	"testing"

	"slugc/buildpacks/language"
	"slugc/cache/testkit"
)

// TestPatience holds that the app's files and the build's configuration decide how long a registry is waited
// for, and else slugc.
func TestPatience(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{
		".npmrc": "fetch-timeout = 9\n", "pnpm-workspace.yaml": "fetchRetries: 9\n", ".yarnrc.yml": "httpRetry: 9\n",
	})
	b := &work{Build: &language.Build{Dir: dir}, env: newEnvironment(nil, map[string]string{
		"NPM_CONFIG_FETCH_RETRY_MAXTIMEOUT": "7",
	})}
	b.setPatience()
	for name, want := range map[string]string{
		"npm_config_fetch_timeout": "", "npm_config_fetch_retries": "", "YARN_HTTP_RETRY": "",
		"npm_config_fetch_retry_mintimeout": "2000", "pnpm_config_fetch_retry_mintimeout": "2000",
		"npm_config_fetch_retry_maxtimeout": "7", "YARN_HTTP_TIMEOUT": "40000",
	} {
		if got, _ := b.env.get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
