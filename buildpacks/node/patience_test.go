package node

import "testing"

// TestPatience holds that the app's files and the build's configuration decide how long a registry is waited
// for, and else slugc.
func TestPatience(t *testing.T) {
	t.Parallel()
	for manager, want := range map[string]map[string]string{
		"npm": {
			"npm_config_fetch_timeout": "", "npm_config_fetch_retry_mintimeout": "2000",
			"npm_config_fetch_retry_maxtimeout": "7",
		},
		"pnpm":  {"npm_config_fetch_retries": "", "pnpm_config_fetch_retry_mintimeout": "2000"},
		"berry": {"YARN_HTTP_RETRY": "", "YARN_HTTP_TIMEOUT": "40000"},
	} {
		b, err := managed(t, manager, "11.0.0", yarn4, nil,
			map[string]string{"NPM_CONFIG_FETCH_RETRY_MAXTIMEOUT": "7"}, map[string]string{
				".npmrc": "fetch-timeout = 9\n", "pnpm-workspace.yaml": "fetchRetries: 9\n",
				".yarnrc.yml": "httpRetry: 9\n",
			})
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range want {
			if got, _ := b.env.get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", manager, name, got, want)
			}
		}
	}
}
