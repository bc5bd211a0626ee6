package clojure

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// dependencies is a digest of the files that determine what is downloaded.
func (b *work) dependencies() (string, error) {
	return digestFiles(b.Dir, b.app.Manifests...)
}

// digestFiles is a digest of files' names and contents.
func digestFiles(dir string, names ...string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("opening the app: %w", err)
	}
	defer root.Close()
	all := sha256.New()
	for _, name := range names {
		data, err := root.ReadFile(filepath.FromSlash(name))
		if err != nil {
			return "", fmt.Errorf("reading %q: %w", name, err)
		}
		fmt.Fprintf(all, "%d %s %d ", len(name), name, len(data))
		all.Write(data)
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// within returns path relative to dir, with slashes; false if it is not in dir.
func within(dir, path string) (string, bool) {
	rel, err := filepath.Rel(dir, path)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// mentioned reports whether the app's Procfile contains a text.
func (b *work) mentioned(text string) bool { return strings.Contains(b.procfile(), text) }

// procfile returns the content of the app's Procfile; "" if there is none.
func (b *work) procfile() string {
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return ""
	}
	defer root.Close()
	data, err := root.ReadFile("Procfile")
	if err != nil {
		return ""
	}
	return string(data)
}
