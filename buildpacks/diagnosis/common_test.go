package diagnosis_test

import (
	"strings"
	"testing"

	"slugc/buildpacks/diagnosis"
)

// TestCommon holds the ids and the texts that the languages share.
func TestCommon(t *testing.T) {
	for output, ids := range map[string]string{
		"Host key verification failed.\n":                             "ruby/git-host-key node/git-host-key go/git-host-key clojure/git-host-key",
		"git@git.example: Permission denied (publickey).\n":           "ruby/git-permission node/git-permission go/git-permission clojure/git-permission",
		"x: version `GLIBC_2.99' not found (required by x)\n":         "ruby/glibc-missing node/glibc-missing go/glibc-missing clojure/glibc-missing",
		"write: No space left on device\n":                            "ruby/disk-full node/disk-full go/disk-full clojure/disk-full",
		"curl: (6) Could not resolve host: packages.example\n":        "ruby/network node/network go/network clojure/network",
		"getaddrinfo: Temporary failure in name resolution (EAI_3)\n": "ruby/network node/network go/network clojure/network",
	} {
		for id := range strings.FieldsSeq(ids) {
			language, _, _ := strings.Cut(id, "/")
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
