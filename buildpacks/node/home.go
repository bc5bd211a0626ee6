package node

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ownCaches are places below the home directory that the tools of a build fill and no running app reads.
var ownCaches = []string{
	".npm", ".npmrc", ".yarn", ".yarnrc", ".pnpm-store", ".node-gyp", ".bun", ".config", ".local", ".rnd",
	".cache/node-gyp", ".cache/node", ".cache/yarn", ".cache/pnpm", ".cache/npm", ".cache/bun", ".cache/prisma",
	".cache/typescript", ".cache/fontconfig", ".cache/pip", ".cache/ccache", ".cache/turbo", ".cache/nx",
}

// downloads are places below the home directory into which packages download what the app needs when it runs,
// with the variable that moves them into the app.
var downloads = map[string]string{
	".cache/puppeteer":     "PUPPETEER_CACHE_DIR=/app/.cache/puppeteer",
	".cache/ms-playwright": "PLAYWRIGHT_BROWSERS_PATH=0",
	".cache/Cypress":       "CYPRESS_CACHE_FOLDER=/app/.cache/Cypress",
	".cache/electron":      "electron_config_cache=/app/.cache/electron",
	".cache/huggingface":   "HF_HOME=/app/.cache/huggingface",
	".cache/selenium":      "SE_CACHE_PATH=/app/.cache/selenium",
}

// freshHome returns the home directory of the build where it is empty when the build starts, else "": then
// nothing is known of who wrote what is there.
func freshHome(environ []string) string {
	for _, pair := range environ {
		if home, ok := strings.CutPrefix(pair, "HOME="); ok {
			entries, err := os.ReadDir(home)
			if err == nil && len(entries) == 0 && filepath.IsAbs(home) {
				return home
			}
		}
	}
	return ""
}

// lost is what a build wrote below its home directory, which is not in the slug.
type lost struct {
	files   int
	bytes   int64
	example string   // the first file, or where known downloads are
	wayOut  []string // the variables that move known downloads
}

// lostAtHome looks for what is below the home directory. A build that writes nothing there costs nothing.
func (b *work) lostAtHome() lost {
	var l lost
	if b.home == "" {
		return l
	}
	_ = filepath.WalkDir(b.home, func(name string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(b.home, name)
		if err != nil || relErr != nil {
			return nil // it can't be read, which is no reason to fail a build that succeeded
		}
		rel = filepath.ToSlash(rel)
		if slices.Contains(ownCaches, rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if wayOut := downloads[rel]; wayOut != "" {
			l.wayOut, l.example = append(l.wayOut, wayOut), rel
		}
		if info, err := d.Info(); err == nil && d.Type().IsRegular() {
			l.files++
			l.bytes += info.Size()
			if l.example == "" {
				l.example = path.Dir(rel)
			}
		}
		return nil
	})
	return l
}

// text says what is lost, and why.
func (l lost) text() string {
	files := fmt.Sprintf("%d files", l.files)
	if l.files == 1 {
		files = "1 file"
	}
	return fmt.Sprintf("%s (%s) below ~/%s: the home directory of the build is not that of the app (/app), "+
		"and what is there is not in the slug", files, size(l.bytes), l.example)
}

func size(bytes int64) string {
	switch {
	case bytes < 1e3:
		return fmt.Sprintf("%d bytes", bytes)
	case bytes < 1e6:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

// tellHome says what the build wrote below its home directory.
func (b *work) tellHome() error {
	l := b.lostAtHome()
	switch {
	case l.files == 0:
	case len(l.wayOut) > 0:
		b.Log.Warn("The build wrote %s. Set %s in the build configuration.", l.text(), strings.Join(l.wayOut, " and "))
	default:
		b.Log.Detail("The build wrote %s", l.text())
	}
	return nil
}

// homeHint explains a script that fails where what it looks for is below the build's home directory.
func (b *work) homeHint() []string {
	l := b.lostAtHome()
	if l.files == 0 || len(l.wayOut) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the install wrote %s; set %s and leave out the step that moves it, or move it from "+
		"$HOME, which is %s here", l.text(), strings.Join(l.wayOut, " and "), b.home)}
}
