// Package extension is what slugc's platform and slugc's buildpacks say to each other beyond the
// CNB contract. All of it is optional: under another platform the files are absent and the
// buildpacks fetch their own tools and install anew.
//
// Platform to buildpack, in CNB_PLATFORM_DIR:
//
//	toolchains.json   the toolchains that were resolved and fetched before the build ([toolchain.Toolchain] list, Dir as the buildpack sees it);
//	                  a toolchain's "derived" are directories made from it that all apps share, such as {"build-cache": "/toolchains/…"}: the
//	                  compiled standard library of Go, to be copied into the app's own cache
//	slices.json       {"path": "key"}: slices the platform can put into the slug by key, without their files on disk
//
// Buildpack to platform, in launch.toml:
//
//	[[slices]] paths = ["node_modules"]                                   a part of the app directory with a section of its own
//	[[labels]] key = "io.slugc.slice:node_modules" value = "<key>"        what decides its content; with this and no such directory, the kept section is used
//	[[labels]] key = "io.slugc.addons" value = "heroku-postgresql"        add-ons that the release names
package extension

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/toolchain"
)

const (
	toolchainsFile = "toolchains.json"
	slicesFile     = "slices.json"
	labelPrefix    = "io.slugc.slice:"
)

// AddonsLabel is the key of the label whose value names, separated by commas, the add-ons that an
// app is to be given by default ("heroku-postgresql").
const AddonsLabel = "io.slugc.addons"

// SliceLabel returns the label key that states the key of the slice at path (slash-separated,
// relative to the app).
func SliceLabel(path string) string { return labelPrefix + path }

// SlicePath returns the slice path that a label key names, and whether it is such a label.
func SlicePath(label string) (string, bool) { return strings.CutPrefix(label, labelPrefix) }

// Toolchains reads what the platform fetched. A missing file is an empty list.
func Toolchains(platformDir string) ([]toolchain.Toolchain, error) {
	var list []toolchain.Toolchain
	return list, read(filepath.Join(platformDir, toolchainsFile), &list)
}

// WriteToolchains is Toolchains' other end.
func WriteToolchains(platformDir string, list []toolchain.Toolchain) error {
	return write(filepath.Join(platformDir, toolchainsFile), list)
}

// Slices reads which slices the platform can supply by key. A missing file is an empty map.
func Slices(platformDir string) (map[string]string, error) {
	slices := map[string]string{}
	return slices, read(filepath.Join(platformDir, slicesFile), &slices)
}

// WriteSlices is Slices' other end.
func WriteSlices(platformDir string, slices map[string]string) error {
	return write(filepath.Join(platformDir, slicesFile), slices)
}

func read(path string, v any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %q: %w", path, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading %q: %w", path, err)
	}
	return nil
}

func write(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}
