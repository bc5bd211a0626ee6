package git_test

import (
	"strings"
	"testing"

	"slugc/buildpacks/git"
)

// TestRemotesRefused holds what no pattern can allow.
func TestRemotesRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "lib", "-u./payload", "--upload-pack=touch x", "ext::sh -c touch% x",
		"fd::17/x", "ext::sh -c x://y/z", "persistent-https://example.com/x",
		"ssh://-oProxyCommand=x/lib", "-oProxyCommand=x:lib", "git@-oProxyCommand=x:lib", "-l@example.com:lib",
		"example.com:-lib", "ssh://-l@example.com/x",
		"https://example.com/a/../b", "https://example.com/a/%2e%2e/b", "https://example.com/./b",
		"file:///srv/git/..", "/srv/git/../../etc", "git@example.com:../x", "git@example.com:~/../x",
		"file://host/srv/git", "https:///x", "https://example.com", "https://example.com/x?y",
		"https://example.com/x#y", "https://example.com/a%00b",
		"https://example.com/a%0ab", "https://exa mple.com/x", "https://example.com\\@evil.example/x",
		"https://user:secret@example.com/x", "https://:secret@example.com/x", "https://%2dx/y"} {
		if r, err := git.ParseRemote(raw); err == nil {
			t.Errorf("%q passes for %s", raw, r)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	tests := []struct{ base, raw, want string }{
		{"file:///srv/git/app.git", "../lib.git", "file:///srv/git/lib.git"},
		{"file:///srv/git/app.git", "./lib.git", "file:///srv/git/app.git/lib.git"},
		{"file:///srv/git/app.git", "../../../../lib.git", "file:///lib.git"},
		{"https://example.com/acme/app.git", "../../other/lib.git", "https://example.com/other/lib.git"},
		{"git@example.com:acme/app.git", "../lib.git", "git@example.com:acme/lib.git"},
		{"https://example.com/acme/app.git", "git@example.org:lib", "git@example.org:lib"},
		{"https://example.com/acme/app.git", "../a b", "https://example.com/acme/a%20b"},
	}
	for _, test := range tests {
		base, err := git.ParseRemote(test.base)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := git.Resolve(base, test.raw); err != nil || r.Argument() != test.want {
			t.Errorf("%s at %s is %s (%v), want %s", test.raw, test.base, r.Argument(), err, test.want)
		}
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://user:se/cret@example.com/x":              `"https://example.com/x"`,
		"https://example.com/" + strings.Repeat("é", 200): `"https://example.com/` + strings.Repeat("é", 90) + `…"`,
		"x\ny": `"x\ny"`,
	} {
		if got := git.Shown(raw); got != want {
			t.Errorf("Shown(%q) = %s, want %s", raw, got, want)
		}
	}
}
