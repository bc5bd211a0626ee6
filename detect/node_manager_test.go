package detect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/detect"
)

var sha512 = strings.Repeat("ab", 64)

// node is an app with the default Node and these requirements.
func node(requires ...string) want {
	return ok(append([]string{"node  from default"}, requires...)...)
}

var managerRows = []row{
	{"npm lock", pkg("{}", "package-lock.json", "{}"), nil,
		want{pass: true, requires: []string{"node  from default"},
			reasons: []string{"found package.json", "found package-lock.json"}}},
	{"engines.npm", pkg(`{"engines": {"npm": "^10"}}`), nil, node("npm ^10 from package.json engines.npm")},
	{"volta npm", pkg(`{"volta": {"npm": "10.1.0"}}`), nil, node("npm =10.1.0 from package.json volta.npm")},
	{"configured npm", pkg("{}"), env{"SLUGC_NPM_VERSION": "11"}, node("npm 11 from SLUGC_NPM_VERSION")},
	{"engines.npm invalid", pkg(`{"engines": {"npm": "please-use-yarn"}}`), nil,
		fails("node/engines-invalid at package.json engines.npm")},
	{"packageManager npm", pkg(`{"packageManager": "npm@10.8.2", "engines": {"npm": ">=10"}}`), nil,
		node("npm =10.8.2 from package.json packageManager")},
	{"packageManager against engines", pkg(`{"packageManager": "pnpm@9.1.0", "engines": {"pnpm": "^10"}}`), nil,
		warned("node  from default; pnpm =9.1.0 from package.json packageManager",
			"package.json packageManager asks for 9.1.0 and package.json engines.pnpm says ^10; using packageManager")},
	{"packageManager with hash",
		files{"package.json": `{"packageManager": "pnpm@10.4.1+sha512.` + strings.ToUpper(sha512) + `"}`,
			"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}, nil,
		node("pnpm =10.4.1 from package.json packageManager sha512." + sha512)},
	{"hash too short", pkg(`{"packageManager": "pnpm@10.4.1+sha512.abcd"}`), nil,
		fails("node/package-manager-invalid at package.json packageManager")},
	{"unknown digest", pkg(`{"packageManager": "pnpm@10.4.1+md5.abcd"}`), nil,
		fails("node/package-manager-invalid at package.json packageManager")},
	{"packageManager a range", pkg(`{"packageManager": "pnpm@^10"}`), nil,
		fails("node/package-manager-invalid at package.json packageManager")},
	{"packageManager without version", pkg(`{"packageManager": "pnpm"}`), nil,
		fails("node/package-manager-invalid at package.json packageManager")},
	{"packageManager unknown", pkg(`{"packageManager": "cnpm@1.0.0"}`), nil,
		fails("node/package-manager-invalid at package.json packageManager")},
	{"packageManager against the only lock", pkg(`{"packageManager": "pnpm@10.4.1"}`, "yarn.lock", yarn1Lock), nil,
		fails("node/package-manager-conflict at package.json packageManager")},
	{"two locks", pkg("{}", "package-lock.json", "", "yarn.lock", yarn1Lock), nil,
		fails("node/lockfile-conflict at package-lock.json")},
	{"two npm locks", pkg("{}", "package-lock.json", "", "npm-shrinkwrap.json", ""), nil,
		fails("node/lockfile-conflict at package-lock.json")},
	{"two locks and a pin",
		files{"package.json": `{"packageManager": "pnpm@10.4.1"}`, "pnpm-lock.yaml": "", "yarn.lock": ""}, nil,
		fails("node/lockfile-conflict at yarn.lock")},
	{"shrinkwrap", pkg("{}", "npm-shrinkwrap.json", "{}"), nil, node()},
	{"engines name two", pkg(`{"engines": {"yarn": "1.x", "pnpm": "9"}}`), nil,
		fails("node/package-manager-conflict at package.json engines")},
	{"engines name two, the lock decides",
		pkg(`{"engines": {"yarn": "1.x", "pnpm": "9"}}`, "pnpm-lock.yaml", "lockfileVersion: '9.0'"), nil,
		warned("node  from default; pnpm 9 from package.json engines.pnpm",
			"package.json engines.yarn is set and pnpm-lock.yaml decides for pnpm; using pnpm")},
	{"engines.npm keeps others out", pkg(`{"engines": {"npm": "please-use-yarn"}}`, "yarn.lock", yarn1Lock), nil,
		node("yarn 1.22.x from yarn.lock")},
	{"engines.pnpm", pkg(`{"engines": {"pnpm": "9"}}`), nil, node("pnpm 9 from package.json engines.pnpm")},
	{"devEngines.packageManager", pkg(`{"devEngines": {"packageManager": {"name": "pnpm", "version": "9"}}}`), nil,
		node("pnpm 9 from package.json devEngines.packageManager")},
	{"pnpm 8", pkg("{}", "pnpm-lock.yaml", "lockfileVersion: '6.0'\r\n"), nil,
		warned("node  from default; pnpm 8.x from pnpm-lock.yaml",
			"no pnpm version is named; pnpm-lock.yaml (version 6.0) suggests pnpm 8.x: "+
				"pin it with the packageManager field")},
	{"pnpm 7", pkg("{}", "pnpm-lock.yaml", "\ufefflockfileVersion: 5.4\n"), nil,
		warned("node  from default; pnpm 7.x from pnpm-lock.yaml",
			"no pnpm version is named; pnpm-lock.yaml (version 5.4) suggests pnpm 7.x: "+
				"pin it with the packageManager field")},
	{"pnpm of the future", pkg("{}", "pnpm-lock.yaml", "lockfileVersion: '99.0'\n"), nil,
		node("pnpm  from default")},
	{"pnpm named", pkg(`{"engines": {"pnpm": "^10"}}`, "pnpm-lock.yaml", "lockfileVersion: '9.0'"), nil,
		node("pnpm ^10 from package.json engines.pnpm")},
	{"settings of pnpm 10", pkg("{}", "pnpm-lock.yaml", "lockfileVersion: '9.0'", "pnpm-workspace.yaml",
		"packages: [a]\ncatalog: {}\noverrides: {}\nallowBuilds: {}\n"), nil,
		warned("node  from default; pnpm 10.x from pnpm-workspace.yaml",
			"no pnpm version is named; pnpm-workspace.yaml sets allowBuilds, overrides, which suggests pnpm 10: "+
				"pin it with the packageManager field")},
	{"no packages", pkg("{}", "pnpm-lock.yaml", "lockfileVersion: '9.0'", "pnpm-workspace.yaml",
		"onlyBuiltDependencies: [x]\n"), nil,
		warned("node  from default; pnpm 10.x from pnpm-workspace.yaml",
			"no pnpm version is named; pnpm-workspace.yaml names no packages, which suggests pnpm 10: "+
				"pin it with the packageManager field")},
	{"catalogs are of pnpm 9", pkg("{}", "pnpm-lock.yaml", "lockfileVersion: '9.0'", "pnpm-workspace.yaml",
		"packages: [a]\ncatalogs: {}\n"), nil,
		warned("node  from default; pnpm 9.x from pnpm-lock.yaml",
			"no pnpm version is named; pnpm-lock.yaml (version 9.0) suggests pnpm 9.x: "+
				"pin it with the packageManager field")},
	{"a pin that cannot work", pkg(`{"packageManager": "pnpm@9.15.0"}`, "pnpm-lock.yaml", "lockfileVersion: '9.0'",
		"pnpm-workspace.yaml", "overrides: {}\n"), nil,
		warned("node  from default; pnpm =9.15.0 from package.json packageManager",
			"package.json packageManager asks for pnpm 9.15.0, and pnpm-workspace.yaml names no packages, which only "+
				"pnpm 10 and newer understand: name one of these in package.json packageManager")},
	{"a range that admits pnpm 10", pkg(`{"engines": {"pnpm": ">=9"}}`, "pnpm-workspace.yaml", "overrides: {}\n",
		"pnpm-lock.yaml", "lockfileVersion: '9.0'"), nil, node("pnpm >=9 from package.json engines.pnpm")},
	{"bun", pkg("{}", "bun.lock", "{}", "bun.lockb", ""), nil, node("bun  from default")},
	{"broken pnpm-workspace.yaml", pkg("{}", "pnpm-lock.yaml", "", "pnpm-workspace.yaml", "a: [b"), nil,
		fails("node/pnpm-workspace-invalid at pnpm-workspace.yaml")},
}

func TestNodeManager(t *testing.T) { check(t, detect.ForNode, managerRows) }

func TestNodeConflictHints(t *testing.T) {
	_, err := detect.ForNode(
		detect.Input{FS: pkg("{}", "package-lock.json", "", "yarn.lock", "", "pnpm-lock.yaml", "").tree()})
	want := &detect.Error{
		ID: "node/lockfile-conflict", Place: "package-lock.json",
		Summary: "More than one package manager's lock file is committed: " +
			"package-lock.json, yarn.lock, pnpm-lock.yaml.",
		Hints: []string{"to use npm with package-lock.json: run `git rm yarn.lock pnpm-lock.yaml` and commit",
			"to use yarn with yarn.lock: run `git rm package-lock.json pnpm-lock.yaml` and commit",
			"to use pnpm with pnpm-lock.yaml: run `git rm package-lock.json yarn.lock` and commit"},
	}
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
