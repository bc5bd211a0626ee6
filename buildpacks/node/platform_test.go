package node

import (
	"slices"
	"strings"
	"testing"

	"slugc/buildpacks/diagnosis"
)

// locked writes a lock file of a package manager that has packages of these names.
func locked(manager string, names ...string) string {
	entry := map[string][2]string{
		"npm":  {`    "node_modules/a/node_modules/`, "\": {\n"},
		"yarn": {`"`, "@1.0.0\":\n"}, "berry": {`"`, "@npm:1.0.0\":\n"},
		"pnpm": {"  '", "@1.0.0':\n"}, "bun": {`    "`, "\": [\"x@1.0.0\"],\n"},
	}[manager]
	var text strings.Builder
	for _, name := range names {
		text.WriteString(entry[0] + name + entry[1])
	}
	return text.String()
}

// TestLockOfAnotherPlatform holds the diagnosis of a native package that the lock file has for other platforms
// only, and that it is made for no other failure.
func TestLockOfAnotherPlatform(t *testing.T) {
	t.Parallel()
	const missing = "Error: Cannot find module "
	for name, c := range map[string]struct {
		locked []string
		output string
		names  string // what the diagnosis names, "" for another diagnosis
	}{
		"rollup": {
			[]string{"@rollup/rollup-darwin-arm64", "@rollup/rollup-win32-x64-msvc", "fsevents"},
			missing + "@rollup/rollup-linux-x64-gnu. npm has a bug related to optional dependencies",
			"@rollup/rollup-darwin-arm64",
		},
		"two": {
			[]string{"@esbuild/darwin-arm64", "@rollup/rollup-darwin-arm64"}, missing + "@rollup/rollup-linux-x64-gnu",
			"@rollup/rollup-darwin-arm64",
		},
		"esbuild": {
			[]string{"@esbuild/darwin-arm64"},
			`The package "@esbuild/linux-x64" could not be found, and is needed by esbuild.`,
			"@esbuild/darwin-arm64",
		},
		"old esbuild": {
			[]string{"esbuild-darwin-64"}, `Failed to find package "esbuild-linux-64"`, "esbuild-darwin-64",
		},
		"swc": {
			[]string{"@swc/core-darwin-x64"}, "Error: Failed to load native binding", "@swc/core-darwin-x64",
		},
		"next": {
			[]string{"@next/swc-darwin-arm64"}, "Failed to load SWC binary for linux/x64, see more info",
			"@next/swc-darwin-arm64",
		},
		"lightningcss": {
			[]string{"lightningcss-darwin-arm64"}, missing + "'../lightningcss.linux-x64-gnu.node'",
			"lightningcss-darwin-arm64",
		},
		"oxide": {
			[]string{"@tailwindcss/oxide-android-arm64"}, missing + "'./tailwindcss-oxide.linux-x64-gnu.node'",
			"@tailwindcss/oxide-android-arm64",
		},
		"sharp": {
			[]string{"@img/sharp-darwin-arm64"}, `Could not load the "sharp" module using the linux-x64 runtime`,
			"@img/sharp-darwin-arm64",
		},
		"musl": {
			[]string{"@rollup/rollup-linux-x64-musl"}, missing + "'@rollup/rollup-linux-x64-gnu'",
			"@rollup/rollup-linux-x64-musl",
		},
		"locked for this one": {
			[]string{"@rollup/rollup-darwin-arm64", "@rollup/rollup-linux-x64-gnu"},
			missing + "'@rollup/rollup-linux-x64-gnu'", "",
		},
		"locked for none":  {[]string{"rollup"}, missing + "'@rollup/rollup-linux-x64-gnu'", ""},
		"another failure":  {[]string{"@rollup/rollup-darwin-arm64"}, missing + "'./app'", ""},
		"another platform": {[]string{"@rollup/rollup-darwin-arm64"}, missing + "'@rollup/rollup-linux-arm64-gnu'", ""},
	} {
		for _, manager := range []string{"npm", "yarn", "berry", "pnpm", "bun"} {
			lock := locked(manager, c.locked...)
			own := platformPatterns(manager, "lock", lock, "linux", "amd64")
			known := slices.Concat(own, patternsFor(manager, "lock"))
			d := diagnosis.Recognise(known, []byte(c.output))
			switch {
			case c.names == "" && (d == nil || d.ID != "node/module-not-found"):
				t.Errorf("%s, %s: %+v", name, manager, d)
			case c.names != "" && (d == nil || d.ID != "node/lockfile-of-another-platform" ||
				!strings.Contains(d.Summary, c.names+",") ||
				!strings.Contains(d.Hints[0], "remove lock and node_modules")):
				t.Errorf("%s, %s: %+v", name, manager, d)
			}
		}
	}
}
