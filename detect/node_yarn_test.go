package detect_test

import (
	"strings"
	"testing"

	"slugc/detect"
)

const (
	berryLock = "# This file is generated\n\n__metadata:\n  version: 8\n  cacheKey: 10c0\n"
	yarn1Lock = "# yarn lockfile v1\n\nleft-pad@^1:\n  version \"1.3.0\"\n"
)

var yarnRows = []row{
	{"yarn 1", pkg("{}", "yarn.lock", yarn1Lock), nil, node("yarn 1.22.x from yarn.lock")},
	{"yarn 1 by engines", pkg(`{"engines": {"yarn": "^1.10.0"}}`, "yarn.lock", yarn1Lock), nil,
		node("yarn ^1.10.0 from package.json engines.yarn")},
	{"berry", pkg("{}", "yarn.lock", berryLock), nil, node("yarn ^4.0.0 from yarn.lock")},
	{"berry with CRLF", pkg("{}", "yarn.lock", strings.ReplaceAll(berryLock, "\n", "\r\n")), nil,
		node("yarn ^4.0.0 from yarn.lock")},
	{"yarn 3", pkg("{}", "yarn.lock", strings.Replace(berryLock, "8", "6", 1)), nil,
		node("yarn ^3.2.0 from yarn.lock")},
	{"berry pinned", pkg(`{"packageManager": "yarn@4.5.0"}`, "yarn.lock", berryLock), nil,
		node("yarn =4.5.0 from package.json packageManager")},
	{"yarn 1 pinned, berry's lock", pkg(`{"packageManager": "yarn@1.22.22"}`, "yarn.lock", berryLock), nil,
		fails("node/package-manager-conflict at package.json packageManager")},
	{"yarn 1 by engines, berry's lock", pkg(`{"engines": {"yarn": "1.x"}}`, "yarn.lock", berryLock), nil,
		fails("node/package-manager-conflict at package.json engines.yarn")},
	{"berry by engines, yarn 1's lock", pkg(`{"engines": {"yarn": ">=3"}}`, "yarn.lock", yarn1Lock), nil,
		fails("node/package-manager-conflict at package.json engines.yarn")},
	{"berry pinned, yarn 1's lock", pkg(`{"packageManager": "yarn@4.5.0"}`, "yarn.lock", yarn1Lock), nil,
		warned("node  from default; yarn =4.5.0 from package.json packageManager",
			"package.json packageManager asks for yarn 4.5.0 and yarn.lock is written by yarn 1: "+
				"run `yarn install` and commit the lock file")},
	{"yarnPath",
		pkg("{}", "yarn.lock", berryLock, ".yarnrc.yml", "yarnPath: .yarn/releases/yarn-4.5.0.cjs\r\n",
			".yarn/releases/yarn-4.5.0.cjs", ""), nil, node("yarn =4.5.0 from .yarnrc.yml yarnPath")},
	{
		"yarnPath beats packageManager",
		files{
			"package.json":                  `{"packageManager": "yarn@4.6.0"}`,
			"yarn.lock":                     berryLock,
			".yarnrc.yml":                   "yarnPath: .yarn/releases/yarn-4.5.0.cjs",
			".yarn/releases/yarn-4.5.0.cjs": "",
		},
		nil,
		warned("node  from default; yarn =4.5.0 from .yarnrc.yml yarnPath",
			".yarnrc.yml yarnPath asks for 4.5.0 and package.json packageManager says 4.6.0; using .yarnrc.yml"),
	},
	{"yarnPath of yarn 1",
		pkg("{}", "yarn.lock", yarn1Lock, ".yarnrc.yml", "yarnPath: .yarn/releases/yarn-1.22.22.cjs",
			".yarn/releases/yarn-1.22.22.cjs", ""), nil, node("yarn =1.22.22 from .yarnrc.yml yarnPath")},
	{"yarnPath not committed",
		pkg("{}", "yarn.lock", berryLock, ".yarnrc.yml", "yarnPath: .yarn/releases/yarn-4.5.0.cjs"), nil,
		warned("node  from default; yarn ^4.0.0 from yarn.lock",
			".yarnrc.yml yarnPath names .yarn/releases/yarn-4.5.0.cjs, which is not committed")},
	{"yarnPath outside", pkg("{}", "yarn.lock", berryLock, ".yarnrc.yml", "yarnPath: ../yarn.cjs"), nil,
		warned("node  from default; yarn ^4.0.0 from yarn.lock",
			".yarnrc.yml yarnPath names ../yarn.cjs, which is not committed")},
	{"broken .yarnrc.yml", pkg("{}", "yarn.lock", berryLock, ".yarnrc.yml", "a: [b"), nil,
		fails("node/yarnrc-invalid at .yarnrc.yml")},
}

func TestNodeYarn(t *testing.T) { check(t, detect.ForNode, yarnRows) }

// TestEmptyYarnLock holds that an empty yarn.lock, which marks a project's root, is no lock file.
func TestEmptyYarnLock(t *testing.T) {
	for text, want := range map[string]string{"\n": "", "__metadata:\n  version: 8\n": "yarn.lock"} {
		in := detect.Input{FS: pkg(`{"packageManager": "yarn@4.9.2"}`, "yarn.lock", text).tree()}
		got, err := detect.ForNode(in)
		if app, _ := got.App.(*detect.NodeApp); err != nil || app == nil || app.Lockfile != want {
			t.Errorf("%q: %+v, %v", text, got.App, err)
		}
	}
}
