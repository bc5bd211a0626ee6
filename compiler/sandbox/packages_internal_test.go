package sandbox

import "testing"

// TestNotForChildren holds which of apt's settings a child does not see.
func TestNotForChildren(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"deb http://deb.example/debian bookworm main":                     false,
		"URIs: https://deb.example/debian\nSigned-By: /usr/share/x@y.gpg": false,
		`Acquire::Check-Date "false";`:                                    false,
		"deb https://user:secret@deb.example/debian bookworm main":        true,
		"URIs: https://token@deb.example/debian":                          true,
		`Acquire::http::Proxy "http://me:secret@proxy.example:3128";`:     true,
		`Acquire::https::Header "Authorization: Bearer x";`:               true,
		`APT::Update::Post-Invoke { "rm -f /var/cache/apt/*.bin"; };`:     true,
		`DPkg::Pre-Install-Pkgs {"/usr/sbin/dpkg-preconfigure --apt";};`:  true,
	} {
		if got := notForChildren.MatchString(text); got != want {
			t.Errorf("%q is kept from children: %t, want %t", text, got, want)
		}
	}
}
