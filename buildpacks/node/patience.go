package node

import (
	"regexp"
	"strings"

	"slugc/buildpacks/tree"
)

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
var yarnPatience = map[string]string{"httpTimeout": "40000", "httpRetry": "2"}

// setPatience sets what neither the build's configuration nor the app's files set: the environment has
// precedence over both.
func (b *work) setPatience() {
	for name, value := range patience {
		variable := strings.ReplaceAll(name, "-", "_")
		camel := camelCase(name)
		if b.says(".npmrc", name) || b.says(".npmrc", variable) || b.says("pnpm-workspace.yaml", camel) {
			continue
		}
		b.env.fallback("npm_config_"+variable, value)
		b.env.fallback("pnpm_config_"+variable, value)
	}
	for name, value := range yarnPatience {
		if !b.says(".yarnrc.yml", name) {
			b.env.fallback("YARN_"+strings.ToUpper(strings.Replace(name, "http", "http_", 1)), value)
		}
	}
}

// says reports whether a file of the app's root has a line that sets name.
func (b *work) says(file, name string) bool {
	text, err := tree.ReadIn(b.Dir, file, maxManifest)
	return err == nil && regexp.MustCompile(`(?m)^\s*"?`+name+`"?\s*[:=]`).Match(text)
}

// camelCase writes a setting of .npmrc as pnpm-workspace.yaml does: fetch-timeout is fetchTimeout.
func camelCase(name string) string {
	words := strings.Split(name, "-")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
