package source

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"slugc/cache/testkit"
)

const pemKey = "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\n"

// TestSecrets warns about every file with secrets by name, and about no other.
func TestSecrets(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	secrets := map[string]string{
		".env": "A=1", ".env.production": "A=1", ".aws/credentials": "x",
		".docker/config.json": `{"auths":{"x":{"auth":"y"}}}`,
		".kube/config":        "x", "server.key": pemKey, "tls.pem": "Bag\n" + pemKey, "deep/down/id_ed25519": "x",
		"google.json": `{"type": "service_account", "private_key": "x"}`, "terraform.tfstate": "{}", ".netrc": "x",
		"infra/prod.tfstate": "{}", ".npmrc": "//r/:_authToken=abc", "keys/store.p12": "x", "app.jks": "x",
		"config/master.key": "x", "config/credentials/production.key": pemKey, ".bash_history": "x", ".ssh/deploy": "x",
		"conf.yml": "token: ghp_" + strings.Repeat("a", 36), ".pypirc": "[pypi]\npassword = x\n",
		"aws.ini": "aws_access_key_id = AKIA" + strings.Repeat("A", 16),
	}
	harmless := map[string]string{
		".env.example": "A=1", "server.pem": "-----BEGIN CERTIFICATE-----\nx\n", "id_rsa.pub": "x",
		".ssh/id_rsa.pub": "x",
		".npmrc2":         "x", "sub/.npmrc": "//r/:_authToken=${TOKEN}", "package.json": `{"name": "private_key"}`,
		".ssh/known_hosts": "x", "docs/key.txt": "a PRIVATE KEY begins with -----BEGIN PRIVATE KEY-----",
		"node_modules/a/test/key.pem": pemKey, ".docker/config.json.example": `{"auths":{"x":{"auth":"y"}}}`,
		"other/config.json": `{"auth": "none"}`, "translations.key": "hello",
	}
	var entries []entry
	for _, files := range []map[string]string{secrets, harmless} {
		testkit.Tree(t, root, files)
		for name, content := range files {
			entries = append(entries, entry{path: name, size: int64(len(content))})
		}
	}
	warnings, err := warn(root, entries)
	if err != nil || len(warnings) != 1 {
		t.Fatalf("got %q, %v", warnings, err)
	}
	for name := range secrets {
		if !strings.Contains(warnings[0], strconv.Quote(name)) {
			t.Errorf("it does not name %s", name)
		}
	}
	for name := range harmless {
		if strings.Contains(warnings[0], strconv.Quote(name)) {
			t.Errorf("it names %s", name)
		}
	}
	if strings.Contains(warnings[0], " more") || len(strings.Split(warnings[0], "\n")) != (len(secrets)+4)/5 {
		t.Errorf("it says\n%s", warnings[0])
	}
}

// BenchmarkWarn looks at the 20,000 files of a large app, of which few are candidates.
func BenchmarkWarn(b *testing.B) {
	root := b.TempDir()
	testkit.Write(b, filepath.Join(root, "a.json"), strings.Repeat("x", 4000))
	var entries []entry
	for i := range 20_000 {
		entries = append(entries, entry{path: "app/models/file" + strconv.Itoa(i) + ".rb", size: 1000})
	}
	for range 200 {
		entries = append(entries, entry{path: "a.json", size: 4000})
	}
	for b.Loop() {
		if _, err := warn(root, entries); err != nil {
			b.Fatal(err)
		}
	}
}
