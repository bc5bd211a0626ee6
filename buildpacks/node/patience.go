package node

import "strings"

// patience is how long a package manager waits for a registry, in milliseconds, and how often it asks again:
// a dead registry is known after two minutes. The managers' own defaults wait up to half an hour. Names are
// those of .npmrc.
var patience = map[string]string{
	"fetch-timeout":          "40000", // without a byte
	"fetch-retries":          "2",
	"fetch-retry-mintimeout": "2000",
	"fetch-retry-maxtimeout": "20000",
}

// yarnPatience is the same for Yarn 2 and newer.
var yarnPatience = map[string]string{"YARN_HTTP_TIMEOUT": "40000", "YARN_HTTP_RETRY": "2"}

// setPatience sets how long npm, yarn 1 and pnpm wait. The build's configuration and the app's files
// have precedence.
func (b *work) setPatience() {
	for name, value := range patience {
		variable := strings.ReplaceAll(name, "-", "_")
		b.env.fallback("npm_config_"+variable, value)
		if b.app.Manager == "pnpm" {
			b.env.fallback("pnpm_config_"+variable, value)
		}
	}
}
