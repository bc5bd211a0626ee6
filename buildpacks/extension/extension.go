// Package extension is what slugc's platform and slugc's buildpacks tell each other beyond the CNB
// contract. All of it is optional: under another platform the files are absent, and the buildpacks
// fetch their own tools and install again.
//
// The platform tells a buildpack, in CNB_PLATFORM_DIR:
//
//   - env/SOURCE_VERSION: the commit that is built ([SourceVersion]), where the source is one.
//   - toolchains.json: the toolchains that were resolved and fetched before the build, a list of
//     [toolchain.Toolchain] whose Dir is as the buildpack sees it. Its "derived" are directories
//     made from the toolchain that all apps share, such as {"build-cache": "/toolchains/…"}: Go's
//     compiled standard library, to be copied into the app's own cache.
//   - runtimes.json: ["slugc/node:node"], the layers that the platform fills with what the app runs on,
//     read-only, before the build or after it.
//   - steps.json: {"online": {}, "offline": {"prefix": ["/usr/bin/slugc", …], "hint": "…"}}, how commands are
//     started that may use the network, and those that may not ([Steps]). Without it all may.
//   - member.json: "apps/api", the directory of CNB_APP_DIR that is the app, where that is not all of it
//     ([Member]): around it is what it uses of a workspace or a repository. The buildpack works there; layers,
//     slices and the working directory of bin/build are CNB_APP_DIR's as ever.
//   - slices.json: {"path": "key"}, the slices that the platform can put into the slug by key,
//     without their files on disk.
//
// A buildpack tells the platform, in launch.toml:
//
//	[[slices]]                            # a part of the app directory with a section of its own
//	paths = ["node_modules"]
//
//	[[labels]]                            # what decides the content of that slice: where the directory
//	key = "io.slugc.slice:node_modules"   # is missing, the kept section of this key is used
//	value = "<key>"
//
//	[[labels]]                            # add-ons that the release names
//	key = "io.slugc.addons"
//	value = "heroku-postgresql"
//
//	[[labels]]                            # a process type that the buildpack has warned of
//	key = "io.slugc.warned"
//	value = "web"
//
// A buildpack that fails tells the platform, in the file that [FinishedEnv] names, which layers it had
// finished before.
//
// Both ends use the functions here:
//
//	err := extension.WriteSlices(platformDir, map[string]string{"node_modules": key}) // the platform
//	slices, err := extension.Slices(platformDir)                                      // the buildpack
//
// Faults of an app travel by package diagnosis.
package extension

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/toolchain"
)

// SourceVersion is the variable of the build configuration that holds the commit that is built, as on Heroku.
// What an install leaves must not depend on it: every commit would install again.
const SourceVersion = "SOURCE_VERSION"

const (
	toolchainsFile = "toolchains.json"
	slicesFile     = "slices.json"
	memberFile     = "member.json"
	runtimesFile   = "runtimes.json"
	stepsFile      = "steps.json"
	labelPrefix    = "io.slugc.slice:"
)

// IndependentFiles is the key in a cache layer's metadata that is true where each of its files stands for itself
// and is verified or named by its content: the layer serves with some of them missing. Of such a layer a push that
// is not accepted loses only the files that it has changed.
const IndependentFiles = "independent-files"

// AddonsLabel is the key of the label whose value names the add-ons that an app gets by default,
// separated by commas ("heroku-postgresql").
const AddonsLabel = "io.slugc.addons"

// BuildOnlyEnv is the variable of the build environment in which a buildpack lists directories of CNB_APP_DIR
// that are for the build only, separated by colons: the buildpack that they are for removes them when it is done.
const BuildOnlyEnv = "SLUGC_BUILD_ONLY"

// WarnedLabel is the key of the label whose value is a process type of the Procfile that the buildpack has said
// cannot start: the platform need not say so again.
const WarnedLabel = "io.slugc.warned"

// SliceLabel returns the label key that states the key of the slice at path (slash-separated,
// relative to the app).
func SliceLabel(path string) string { return labelPrefix + path }

// SlicePath returns the slice path that a label key names, and whether it is such a label.
func SlicePath(label string) (string, bool) { return strings.CutPrefix(label, labelPrefix) }

// Toolchains reads what the platform fetched. It returns an empty list where the file is missing.
func Toolchains(platformDir string) ([]toolchain.Toolchain, error) {
	var list []toolchain.Toolchain
	return list, read(filepath.Join(platformDir, toolchainsFile), &list)
}

// WriteToolchains writes what [Toolchains] reads.
func WriteToolchains(platformDir string, list []toolchain.Toolchain) error {
	return write(filepath.Join(platformDir, toolchainsFile), list)
}

// Slices reads which slices the platform can supply: keys by path. It returns an empty map where
// the file is missing.
func Slices(platformDir string) (map[string]string, error) {
	keys := map[string]string{}
	return keys, read(filepath.Join(platformDir, slicesFile), &keys)
}

// WriteSlices writes what [Slices] reads.
func WriteSlices(platformDir string, keys map[string]string) error {
	return write(filepath.Join(platformDir, slicesFile), keys)
}

// Member reads which directory of CNB_APP_DIR is the app, slash-separated: "apps/api". It returns "" where the app
// is all of it, and for the platform directory "", which is none.
func Member(platformDir string) (string, error) {
	if platformDir == "" {
		return "", nil
	}
	var member string
	return member, read(filepath.Join(platformDir, memberFile), &member)
}

// WriteMember writes what [Member] reads; nothing for "".
func WriteMember(platformDir, member string) error {
	if member == "" {
		return nil
	}
	return write(filepath.Join(platformDir, memberFile), member)
}

// LayerName is how a buildpack's layer is called across buildpacks: "slugc/node:node".
func LayerName(buildpack, layer string) string { return buildpack + ":" + layer }

// LayerOf returns the layer of a buildpack that a [LayerName] names, and whether it is of that buildpack.
func LayerOf(buildpack, name string) (string, bool) { return strings.CutPrefix(name, buildpack+":") }

// Provides reports whether the platform fills a buildpack's layer.
func Provides(platformDir, buildpack, layer string) (bool, error) {
	var list []string
	err := read(filepath.Join(platformDir, runtimesFile), &list)
	return slices.Contains(list, LayerName(buildpack, layer)), err
}

// WriteProvided writes what [Provides] reads: a list of [LayerName].
func WriteProvided(platformDir string, layers []string) error {
	return write(filepath.Join(platformDir, runtimesFile), layers)
}

// Steps is how a build's commands are started.
type Steps struct {
	Online  command.Step `json:"online"`
	Offline command.Step `json:"offline"`
}

// ReadSteps reads how commands are started. It returns the zero value, which all have the network with, where
// the file is missing.
func ReadSteps(platformDir string) (Steps, error) {
	var s Steps
	err := read(filepath.Join(platformDir, stepsFile), &s)
	return s, err
}

// WriteSteps writes what [ReadSteps] reads.
func WriteSteps(platformDir string, s Steps) error {
	return write(filepath.Join(platformDir, stepsFile), s)
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
