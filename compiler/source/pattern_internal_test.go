package source

import (
	"path/filepath"
	"slugc/buildpacks/git"
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	t.Parallel()
	const host = "https://example.com/acme/*"
	tests := []struct {
		pattern, url string
		want         bool
	}{
		{host, "https://example.com/acme/lib.git", true},
		{host, "https://EXAMPLE.com/acme/lib.git", true},
		{host, "https://someone@example.com/acme/lib.git", true},
		{host, "https://example.com/acme/deep/lib", true},
		{host, "https://example.com/acme-evil/lib.git", false},
		{host, "http://example.com/acme/lib.git", false},
		{host, "https://example.com.evil.example/acme/lib.git", false},
		{host, "https://example.com@evil.example/acme/lib.git", false},
		{host, "https://example.com:8443/acme/lib.git", false},
		{host, "https://evil.example/https://example.com/acme/lib.git", false},
		{host, "file:///acme/lib.git", false},
		{"https://example.com/acme/lib.git", "https://example.com/acme/lib.git", true},
		{"https://example.com/acme/lib.git", "https://example.com/acme/lib.git2", false},
		{"https://example.com/*", "https://example.com/x", true},
		{"file:///srv/git/*", "file:///srv/git/my lib.git", true},
		{"file:///srv/git/*", "file:///srv/git/my%20lib.git", true},
		{"file:///srv/git/*", "/srv/git/lib.git", true},
		{"file:///srv/git/*", "/srv/gitea/lib.git", false},
		{"/srv/git/*", "file:///srv/git/lib.git", true},
		{"git@example.com:acme/*", "git@example.com:acme/lib.git", true},
		{"git@example.com:acme/*", "git@example.com:/acme/lib.git", false},
		{"git@example.com:acme/*", "root@example.com:acme/lib.git", false},
		{"git@example.com:acme/*", "example.com:acme/lib.git", false},
		{"git@example.com:*", "git@example.com:acme/lib.git", true},
		{"ssh://git@example.com/*", "ssh://git@example.com/acme/lib.git", true},
		{"git://[::1]:9418/*", "git://[::1]:9418/lib.git", true},
	}
	for _, test := range tests {
		p, err := parsePattern(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		r, err := git.ParseRemote(test.url)
		if got := err == nil && p.allows(r); got != test.want {
			t.Errorf("%s allows %s: %t (%v), want %t", test.pattern, test.url, got, err, test.want)
		}
	}
}

func TestPatternsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "*", "https://*", "https://example.com*", "https://*.example.com/x",
		"https://example.com/*/x*", "ext::*", "file://*", "git@*",
		"git@example.com:*x/*", "ftp://example.com/*", "https://user:secret@example.com/*",
		"https://example.com/a/../*", "../*", "-x"} {
		err := CheckPattern(text)
		if err == nil {
			t.Errorf("%q passes for a pattern", text)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("a password is shown: %v", err)
		}
	}
}

// TestPointersAreReadAgain keeps pointers out of the remembered digests, by which they would not be
// known.
func TestPointersAreReadAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "stat")
	s := &Source{entries: []entry{{path: "file", settled: true}, {path: "pointer", settled: true, pointer: true}}}
	s.remember(loadCache(file))
	if records := loadCache(file).records; len(records) != 1 || records["pointer"] != (record{}) {
		t.Errorf("remembered: %v", records)
	}
}

func TestIsPointer(t *testing.T) {
	t.Parallel()
	const oid = "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
	const version = "version https://git-lfs.github.com/spec/v1\n"
	for content, want := range map[string]bool{
		version + oid + "size 12345\n":                              true,
		version + oid + "size 12345":                                true,
		strings.ReplaceAll(version+oid+"size 1\n", "\n", "\r\n"):    true,
		version + "ext-0-foo sha256:" + oid[11:] + oid + "size 1\n": true,
		"":                                  false,
		version:                             false,
		version + "size 12345\n":            false,
		version + oid:                       false,
		version + oid + "size many\n":       false,
		version + "oid sha256:00\nsize 1\n": false,
		version + oid + "size 1\nand a word on Git LFS\n":                     false,
		"# " + version + oid + "size 1\n":                                     false,
		version + oid + "size 1" + strings.Repeat("0", lfsSize) + "\n":        false,
		"version https://git-lfs.github.com/spec/v1 is what it begins with\n": false,
	} {
		if got := isPointer([]byte(content)); got != want {
			t.Errorf("isPointer(%q) = %t", content, got)
		}
	}
}
