package source

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// secrets are names of files that hold nothing but secrets.
var secrets = []string{
	".env", ".git-credentials", ".netrc", ".pgpass", ".htpasswd", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519",
	"master.key", "credentials.yml.key",
}

// samples are the ends of names of files that only show what a secret looks like.
var samples = []string{".example", ".sample", ".template", ".dist", ".defaults", ".test", ".ci"}

// warn returns warnings for files in the staged tree at root that look as if they should not be
// there.
func warn(root string, entries []entry) ([]string, error) {
	var found []string
	for _, e := range entries {
		secret := e.target == "" && secretName(path.Base(e.path))
		if path.Base(e.path) == ".npmrc" && e.target == "" {
			var err error
			if secret, err = holdsToken(filepath.Join(root, filepath.FromSlash(e.path))); err != nil {
				return nil, err
			}
		}
		if secret {
			found = append(found, e.path)
		}
	}
	warnings := warnPointers(entries)
	if len(found) == 0 {
		return warnings, nil
	}
	verb, it := "is", "it"
	if len(found) > 1 {
		verb, it = "are", "them"
	}
	return append(
		warnings,
		fmt.Sprintf("%s %s in the source and will be in the slug; add %s to .slugignore.", listed(found), verb, it),
	), nil
}

func secretName(name string) bool {
	if slices.Contains(secrets, name) {
		return true
	}
	if !strings.HasPrefix(name, ".env.") {
		return false
	}
	return !slices.ContainsFunc(samples, func(end string) bool { return strings.HasSuffix(name, end) })
}

// holdsToken reports whether an .npmrc holds a token, and not only the name of a variable.
func holdsToken(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return false, err
	}
	for line := range bytes.Lines(content) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte("="))
		value = bytes.Trim(bytes.TrimSpace(value), `"'`)
		if bytes.HasSuffix(bytes.TrimSpace(key), []byte("_authToken")) && len(value) > 0 &&
			!bytes.HasPrefix(value, []byte("${")) {
			return true, nil
		}
	}
	return false, nil
}
