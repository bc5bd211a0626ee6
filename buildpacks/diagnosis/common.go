package diagnosis

import (
	"fmt"

	"slugc/detect/lazyregexp"
)

// Common returns the failures that the tools of every language share: the network, private git
// hosts, the C library. They come after a language's own patterns. Each id starts with
// the language.
func Common(language string) []Pattern {
	id := func(name string) string { return language + "/" + name }
	return append([]Pattern{
		gitPattern(id("git-host-key"), `Host key verification failed`,
			"A dependency is fetched over ssh from %s, whose key this build does not know.",
			"use an https URL for that dependency, with a read-only token from the build's configuration",
			"or publish it to a package registry"),
		gitPattern(id("git-permission"),
			`Permission denied \(publickey|fatal: could not read (?:Username|Password) for '[^']*'`,
			"A dependency comes from a private repository of %s, and the build has no credentials for it.",
			"use an https URL with a read-only token from the build's configuration"),
		NewPattern(id("glibc-missing"), "version [`']GLIBC_([0-9.]+)' not found", "",
			"A prebuilt binary needs glibc $1, which is newer than this machine's.",
			"pin the dependency to a release built for an older system, or let it compile from source"),
	}, Network(language)...)
}

// gitHost matches where git and ssh name the host that refuses them.
var gitHost = lazyregexp.New(`(?:key is known for |key for |for '(?:https?|ssh)://(?:[^/\s@']*@)?|` +
	`(?:^|[\s'"/])git@|ssh://(?:[^/\s@]*@)?)\[?([\w-]+(?:\.[\w-]+)+|localhost)`)

// gitPattern returns the pattern of a git host that refuses the build. %s in its summary is the host.
func gitPattern(id, expression, summary string, hints ...string) Pattern {
	return Pattern{id, hosted{lazyregexp.New(expression), gitHost}, func(m []string) *Diagnosis {
		host := "a git host"
		if m[len(m)-1] != "" {
			host = "the git host " + m[len(m)-1]
		}
		return &Diagnosis{Summary: fmt.Sprintf(summary, host), Hints: hints}
	}}
}
