package node

import (
	"bytes"
	"strings"
	"testing"

	"slugc/buildpacks/command"
	"slugc/buildpacks/language"
	"slugc/cache/testkit"
)

// TestHome holds what a build says of what it wrote below its home directory.
func TestHome(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before, after []string
		says, hints   string
	}{
		"nothing": {},
		"own":     {after: []string{".npm/_cacache/x", ".cache/node-gyp/22/x", ".config/configstore/x"}},
		"a browser": {after: []string{".cache/puppeteer/chrome"},
			says:  "1 file (1 bytes) below ~/.cache/puppeteer",
			hints: "PUPPETEER_CACHE_DIR=/app/.cache/puppeteer"},
		"browsers": {after: []string{".cache/ms-playwright/a", ".cache/Cypress/b", "x"}, says: "3 files",
			hints: "CYPRESS_CACHE_FOLDER=/app/.cache/Cypress and PLAYWRIGHT_BROWSERS_PATH=0"},
		"something":   {after: []string{"models/large.bin"}, says: "below ~/models: the home"},
		"a used home": {before: []string{"mine"}, after: []string{".cache/puppeteer/chrome"}},
	} {
		t.Run(name, func(t *testing.T) {
			home, out := t.TempDir(), bytes.Buffer{}
			for _, file := range tt.before {
				testkit.Write(t, home+"/"+file, "x")
			}
			b := &work{
				Build: &language.Build{Log: &command.Log{Out: &out}},
				home:  freshHome([]string{"A=b", "HOME=" + home}),
			}
			for _, file := range tt.after {
				testkit.Write(t, home+"/"+file, "x")
			}
			if err := b.tellHome(); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); (got != "") != (tt.says != "") || !strings.Contains(got, tt.says) ||
				!strings.Contains(got, tt.hints) {
				t.Errorf("it says %q", got)
			}
			if got := strings.Join(b.homeHint(), ""); (got != "") != (tt.hints != "") ||
				!strings.Contains(got, tt.hints) {
				t.Errorf("it hints %q", got)
			}
		})
	}
}
