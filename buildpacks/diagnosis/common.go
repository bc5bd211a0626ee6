package diagnosis

import "regexp"

// Common are the failures that every language's tools share: the network, private git hosts, the C
// library, memory. They come after a language's own patterns. Ids begin with the language, so each
// language asks for its own set.
func Common(language string) []Pattern {
	return []Pattern{
		{
			ID:    language + "/git-host-key",
			Match: regexp.MustCompile(`Host key verification failed`),
			Make: Fixed(Diagnosis{
				Summary: "A dependency is fetched over ssh from a git host whose key this build does not know.",
				Hints: []string{
					"use an https URL for that dependency, with a read-only token from the build's configuration",
					"or publish it to a package registry",
				},
			}),
		},
		{
			ID: language + "/git-permission",
			Match: regexp.MustCompile(
				`Permission denied \(publickey|fatal: could not read (?:Username|Password) for '([^']*)'`,
			),
			Make: Fixed(Diagnosis{
				Summary: "A dependency comes from a private git repository and the build has no credentials for it.",
				Hints:   []string{"use an https URL with a read-only token from the build's configuration"},
			}),
		},
		{
			ID:    language + "/glibc-missing",
			Match: regexp.MustCompile("version [`']GLIBC_([0-9.]+)' not found"),
			Make: func(m []string) *Diagnosis {
				return &Diagnosis{
					Summary: "A prebuilt binary needs glibc " + m[1] + ", which is newer than this machine's.",
					Hints: []string{
						"pin the dependency to a release built for an older system, or let it compile from source",
					},
				}
			},
		},
		{
			ID:    language + "/disk-full",
			Match: regexp.MustCompile(`ENOSPC|No space left on device`),
			Make: Fixed(Diagnosis{
				Summary:   "The disk ran full while the app was being built.",
				Hints:     []string{"make room on the build machine, or exclude large files with .slugignore"},
				Transient: true,
			}),
		},
		{
			ID: language + "/network",
			Match: regexp.MustCompile(
				`\b(ECONNRESET|ETIMEDOUT|ECONNREFUSED|EAI_AGAIN|ENOTFOUND|ERR_SOCKET_TIMEOUT)\b|Connection reset by peer|Temporary failure in name resolution|Could not resolve host|TLS handshake timeout`,
			),
			Make: func(m []string) *Diagnosis {
				summary := "The network failed while packages were being fetched."
				if m[1] != "" {
					summary = "The network failed (" + m[1] + ") while packages were being fetched."
				}
				return &Diagnosis{
					Summary:   summary,
					Hints:     []string{"try again; if it persists, check the registry and proxy settings"},
					Transient: true,
				}
			},
		},
	}
}
