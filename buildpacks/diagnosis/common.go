package diagnosis

// Common returns the failures that the tools of every language share: the network, private git
// hosts, the C library. They come after a language's own patterns. Each id starts with
// the language.
func Common(language string) []Pattern {
	id := func(name string) string { return language + "/" + name }
	return append([]Pattern{
		NewPattern(id("git-host-key"), `Host key verification failed`, "",
			"A dependency is fetched over ssh from a git host whose key this build does not know.",
			"use an https URL for that dependency, with a read-only token from the build's configuration",
			"or publish it to a package registry"),
		NewPattern(id("git-permission"),
			`Permission denied \(publickey|fatal: could not read (?:Username|Password) for '[^']*'`, "",
			"A dependency comes from a private git repository and the build has no credentials for it.",
			"use an https URL with a read-only token from the build's configuration"),
		NewPattern(id("glibc-missing"), "version [`']GLIBC_([0-9.]+)' not found", "",
			"A prebuilt binary needs glibc $1, which is newer than this machine's.",
			"pin the dependency to a release built for an older system, or let it compile from source"),
	}, Network(language)...)
}
