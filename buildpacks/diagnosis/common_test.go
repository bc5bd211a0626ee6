package diagnosis_test

import (
	"strings"
	"testing"

	"slugc/buildpacks/diagnosis"
)

// TestCommon holds the ids that the languages share, and the form of their texts.
func TestCommon(t *testing.T) {
	t.Parallel()
	for output, name := range map[string]string{
		"Host key verification failed.\n":                             "git-host-key",
		"git@git.example: Permission denied (publickey).\n":           "git-permission",
		"x: version `GLIBC_2.99' not found (required by x)\n":         "glibc-missing",
		"curl: (6) Could not resolve host: packages.example\n":        "network",
		"getaddrinfo: Temporary failure in name resolution (EAI_3)\n": "network",
	} {
		for _, language := range []string{"ruby", "node", "go", "clojure"} {
			id := language + "/" + name
			d := diagnosis.Recognise(diagnosis.Common(language), []byte(output))
			if d == nil || d.ID != id {
				t.Errorf("%q is %+v, want %s", output, d, id)
				continue
			}
			if !strings.HasSuffix(d.Summary, ".") || len(d.Hints) == 0 {
				t.Errorf("%s: a summary is a sentence, and a hint says what to do: %+v", id, d)
			}
		}
	}
}
