package detect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/detect"
)

func TestNode(t *testing.T) {
	check(t, detect.ForNode, []row{
		{"nothing", files{}, nil, want{reasons: []string{"-no package.json"}}},
		{"server.js alone", files{"server.js": ""}, nil,
			want{reasons: []string{"-no package.json", "-found server.js, but Node apps are recognised by package.json"}}},
		{"smallest", files{"package.json": "{}"}, nil,
			want{pass: true, requires: []string{"node  from default"}, reasons: []string{"found package.json"}}},
		{"wrong case", files{"Package.json": "{}"}, nil, want{}},
		{"below the root", files{"app/package.json": "{}"}, nil, want{}},
		{"a directory", files{"package.json/": ""}, nil, want{}},
		{"byte order mark and CRLF", files{"package.json": "\ufeff{\r\n\"engines\": {\"node\": \"20.x\"}\r\n}\r\n"},
			nil, ok("node 20.x from package.json engines.node")},
		{"trailing comma", files{"package.json": "{\n  \"name\": \"a\",\n}"}, nil,
			fails("node/package-json-invalid at package.json:3:1")},
		{"comment", files{"package.json": "{\n  // c\n}"}, nil, fails("node/package-json-invalid at package.json:2:3")},
		{"column counts characters", files{"package.json": `{"ü": "é" x}`}, nil,
			fails("node/package-json-invalid at package.json:1:11")},
		{"unfinished", files{"package.json": "{\n\"a\": 1"}, nil,
			fails("node/package-json-invalid at package.json:2:7")},
		{"empty", files{"package.json": ""}, nil, fails("node/package-json-invalid at package.json:1:1")},
		{"merge conflict", files{"package.json": "<<<<<<< HEAD\n{}"}, nil,
			fails("node/package-json-invalid at package.json:1:1")},
		{"an array", files{"package.json": "[]"}, nil, fails("node/package-json-invalid at package.json")},
		{"null", files{"package.json": "null"}, nil, fails("node/package-json-invalid at package.json")},
		{"scripts is a list", files{"package.json": `{"scripts": []}`}, nil,
			fails("node/package-json-invalid at package.json scripts")},
		{"engines is a number", files{"package.json": `{"engines": {"node": 20}}`}, nil,
			fails("node/package-json-invalid at package.json engines")},
		{"too large", files{"package.json": strings.Repeat(" ", 5<<20)}, nil,
			fails("node/file-too-large at package.json")},
		{"io.js", files{"package.json": `{"engines": {"iojs": "1.x"}}`}, nil,
			fails("node/iojs at package.json engines.iojs")},
		{".heroku is a file", files{"package.json": "{}", ".heroku": "x"}, nil,
			fails("node/dot-heroku-file at .heroku")},
		{".heroku/node is a file", files{"package.json": "{}", ".heroku/node": "x"}, nil,
			fails("node/dot-heroku-file at .heroku/node")},
		{".heroku is a directory", files{"package.json": "{}", ".heroku/x": "x"}, nil, ok("node  from default")},
		{"link out of the tree", files{"package.json": "-> ../../package.json"}, nil, want{}},
		{"link inside", files{"package.json": "-> conf/package.json", "conf": "-> etc", "etc/package.json": "{}"},
			nil, ok("node  from default")},
	})
}

// engines makes a tree with engines.node and more files as name, content pairs.
func engines(node string, more ...string) files {
	f := files{"package.json": `{"engines": {"node": "` + node + `"}}`}
	for i := 0; i < len(more); i += 2 {
		f[more[i]] = more[i+1]
	}
	return f
}

func plain(more ...string) files {
	f := engines("", more...)
	f["package.json"] = "{}"
	return f
}

func TestNodeVersion(t *testing.T) {
	const enginesNode = " from package.json engines.node"
	check(t, detect.ForNode, []row{
		{"range", engines(">= 18  <23"), nil, ok("node >= 18 <23" + enginesNode)},
		{"exact", engines("v20.11.0"), nil, ok("node =20.11.0" + enginesNode)},
		{"latest", engines("latest"), nil, ok("node *" + enginesNode)},
		{"~=", engines("~=20.1"), nil, ok("node ~=20.1" + enginesNode)},
		{"trailing or", engines("^18 ||"), nil, ok("node ^18 ||" + enginesNode)},
		{"comma", engines(">=18, <20"), nil, fails("node/engines-invalid at package.json engines.node")},
		{"lts is no range", engines("lts/*"), nil, fails("node/engines-invalid at package.json engines.node")},
		{"configuration first", engines("20.x", ".nvmrc", "20"), env{"SLUGC_NODE_VERSION": "20.19.5"},
			ok("node =20.19.5 from SLUGC_NODE_VERSION")},
		{"configuration against engines", engines("20.x"), env{"SLUGC_NODE_VERSION": "22"},
			warned("node 22 from SLUGC_NODE_VERSION",
				"SLUGC_NODE_VERSION asks for 22 and package.json engines.node says 20.x; using SLUGC_NODE_VERSION")},
		{"configuration alias", plain(), env{"SLUGC_NODE_VERSION": "lts/jod"},
			ok("node lts/jod from SLUGC_NODE_VERSION")},
		{"configuration invalid", engines("20.x"), env{"SLUGC_NODE_VERSION": "twenty"},
			fails("node/version-invalid at SLUGC_NODE_VERSION")},
		{"configuration blank", engines("20.x"), env{"SLUGC_NODE_VERSION": " "}, ok("node 20.x" + enginesNode)},
		{"engines and .nvmrc", engines("22.x", ".nvmrc", "20.11.0"), nil,
			warned("node 22.x"+enginesNode,
				"package.json engines.node asks for 22.x and .nvmrc says 20.11.0; using package.json")},
		{"a pin that satisfies engines", engines("22.x", ".nvmrc", "v22.1.0\n"), nil, ok("node 22.x" + enginesNode)},
		{"overlapping ranges", engines(">=18", ".nvmrc", "20"), nil, ok("node >=18" + enginesNode)},
		{"ranges apart", engines("18.x || 20.x", ".node-version", "22"), nil,
			warned("node 18.x || 20.x"+enginesNode,
				"package.json engines.node asks for 18.x || 20.x and .node-version says 22; using package.json")},
		{"codename inside engines", engines(">=20", ".nvmrc", "lts/jod"), nil, ok("node >=20" + enginesNode)},
		{"codename outside engines", engines("20.x", ".nvmrc", "lts/jod"), nil,
			warned("node 20.x"+enginesNode,
				"package.json engines.node asks for 20.x and .nvmrc says lts/jod; using package.json")},
		{"codename not known here", engines("20.x", ".nvmrc", "lts/zirconium"), nil, ok("node 20.x" + enginesNode)},
		{"loser is junk", engines("20.x", ".nvmrc", "<<<<"), nil,
			warned("node 20.x"+enginesNode, `.nvmrc says "<<<<", which is no node version; using package.json`)},
		{".nvmrc", plain(".nvmrc", "20"), nil, ok("node 20 from .nvmrc")},
		{".nvmrc exact", plain(".nvmrc", "v20.11.0"), nil, ok("node =20.11.0 from .nvmrc")},
		{".nvmrc with mark, CRLF, comments", plain(".nvmrc", "\ufeff# node\r\n\r\n v20.11 # why\r\n"), nil,
			ok("node v20.11 from .nvmrc")},
		{".nvmrc lts/*", plain(".nvmrc", "lts/*"), nil, ok("node lts/* from .nvmrc")},
		{".nvmrc codename", plain(".nvmrc", "lts/Jod"), nil, ok("node lts/jod from .nvmrc")},
		{".nvmrc node", plain(".nvmrc", "node"), nil, ok("node * from .nvmrc")},
		{".nvmrc stable", plain(".nvmrc", "stable"), nil, ok("node * from .nvmrc")},
		{".nvmrc range", plain(".nvmrc", ">=18 <21"), nil, ok("node >=18 <21 from .nvmrc")},
		{".nvmrc io.js", plain(".nvmrc", "iojs-v3.3.1"), nil, fails("node/iojs at .nvmrc")},
		{".nvmrc system", plain(".nvmrc", "system"), nil, fails("node/version-invalid at .nvmrc")},
		{".nvmrc two lines", plain(".nvmrc", "20\n22\n"), nil, fails("node/version-invalid at .nvmrc")},
		{".nvmrc empty", plain(".nvmrc", "\n", ".node-version", "20"), nil, ok("node 20 from .node-version")},
		{".nvmrc before .node-version", plain(".nvmrc", "20", ".node-version", "18"), nil,
			warned("node 20 from .nvmrc", ".nvmrc asks for 20 and .node-version says 18; using .nvmrc")},
		{".node-version with prefix", plain(".node-version", "node-v20.1.0"), nil,
			ok("node =20.1.0 from .node-version")},
		{".tool-versions", plain(".tool-versions", "# c\nruby 3.3.9\r\nnodejs 20.1.0 18.0.0\r\n"), nil,
			ok("node =20.1.0 from .tool-versions nodejs")},
		{".tool-versions node", plain(".tool-versions", "node 20"), nil, ok("node 20 from .tool-versions node")},
		{".tool-versions latest:", plain(".tool-versions", "nodejs latest:20"), nil,
			ok("node 20 from .tool-versions nodejs")},
		{".tool-versions ref", plain(".tool-versions", "nodejs ref:abc"), nil,
			fails("node/version-invalid at .tool-versions nodejs")},
		{"mise string", plain("mise.toml", "[tools]\nnode = \"22\"\n"), nil, ok("node 22 from mise.toml tools.node")},
		{"mise lts", plain("mise.toml", "\ufeff[tools]\r\nnode = \"lts\"\r\n"), nil,
			ok("node lts/* from mise.toml tools.node")},
		{"mise list", plain(".mise.toml", "[tools]\nnodejs = [\"22\", \"20\"]\n"), nil,
			ok("node 22 from .mise.toml tools.nodejs")},
		{"mise table", plain("mise.toml", "[tools]\nnode = {version = \"22.1.0\"}\n"), nil,
			ok("node =22.1.0 from mise.toml tools.node")},
		{"mise broken", plain("mise.toml", "[tools\n"), nil,
			warned("node  from default",
				"mise.toml is no TOML and was not read: toml: line 2: expected '.' or ']' to end table name, but got '\\n' instead")},
		{"volta", files{"package.json": `{"volta": {"node": "20.1.0"}, "engines": {"node": ">=18"}}`}, nil,
			ok("node =20.1.0 from package.json volta.node")},
		{"volta against engines",
			files{"package.json": `{"volta": {"node": "20.1.0"}, "engines": {"node": "22.x"}}`}, nil,
			warned("node =20.1.0 from package.json volta.node",
				"package.json volta.node asks for 20.1.0 and package.json engines.node says 22.x; using volta.node")},
		{"devEngines", files{"package.json": `{"devEngines": {"runtime": {"name": "node", "version": "^22"}}}`},
			nil, ok("node ^22 from package.json devEngines.runtime")},
		{"devEngines list",
			files{"package.json": `{"devEngines": {"runtime": [{"name": "deno", "version": "2"}, {"name": "node", "version": "^22"}]}}`},
			nil, ok("node ^22 from package.json devEngines.runtime")},
		{"engines before devEngines",
			files{"package.json": `{"engines": {"node": "24"}, "devEngines": {"runtime": {"name": "node", "version": "^22"}}}`},
			nil,
			warned("node 24"+enginesNode,
				"package.json engines.node asks for 24 and package.json devEngines.runtime says ^22; using engines.node")},
	})
}

const (
	berryLock = "# This file is generated\n\n__metadata:\n  version: 8\n  cacheKey: 10c0\n"
	yarn1Lock = "# yarn lockfile v1\n\nleft-pad@^1:\n  version \"1.3.0\"\n"
)

func TestNodeManager(t *testing.T) {
	sha512 := strings.Repeat("ab", 64)
	check(t, detect.ForNode, []row{
		{"npm lock", plain("package-lock.json", "{}"), nil,
			want{pass: true, requires: []string{"node  from default"},
				reasons: []string{"found package.json", "found package-lock.json"}}},
		{"engines.npm", files{"package.json": `{"engines": {"npm": "^10"}}`}, nil,
			ok("node  from default", "npm ^10 from package.json engines.npm")},
		{"volta npm", files{"package.json": `{"volta": {"npm": "10.1.0"}}`}, nil,
			ok("node  from default", "npm =10.1.0 from package.json volta.npm")},
		{"configured npm", plain(), env{"SLUGC_NPM_VERSION": "11"},
			ok("node  from default", "npm 11 from SLUGC_NPM_VERSION")},
		{"engines.npm invalid", files{"package.json": `{"engines": {"npm": "please-use-yarn"}}`}, nil,
			fails("node/engines-invalid at package.json engines.npm")},
		{"packageManager npm",
			files{"package.json": `{"packageManager": "npm@10.8.2", "engines": {"npm": ">=10"}}`}, nil,
			ok("node  from default", "npm =10.8.2 from package.json packageManager")},
		{"packageManager against engines",
			files{"package.json": `{"packageManager": "pnpm@9.1.0", "engines": {"pnpm": "^10"}}`}, nil,
			warned("node  from default; pnpm =9.1.0 from package.json packageManager",
				"package.json packageManager asks for 9.1.0 and package.json engines.pnpm says ^10; using packageManager")},
		{"packageManager with hash",
			files{"package.json": `{"packageManager": "pnpm@10.4.1+sha512.` + strings.ToUpper(sha512) + `"}`,
				"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}, nil,
			ok("node  from default", "pnpm =10.4.1 from package.json packageManager sha512."+sha512)},
		{"hash too short", files{"package.json": `{"packageManager": "pnpm@10.4.1+sha512.abcd"}`}, nil,
			fails("node/package-manager-invalid at package.json packageManager")},
		{"unknown digest", files{"package.json": `{"packageManager": "pnpm@10.4.1+md5.abcd"}`}, nil,
			fails("node/package-manager-invalid at package.json packageManager")},
		{"packageManager a range", files{"package.json": `{"packageManager": "pnpm@^10"}`}, nil,
			fails("node/package-manager-invalid at package.json packageManager")},
		{"packageManager without version", files{"package.json": `{"packageManager": "pnpm"}`}, nil,
			fails("node/package-manager-invalid at package.json packageManager")},
		{"packageManager unknown", files{"package.json": `{"packageManager": "cnpm@1.0.0"}`}, nil,
			fails("node/package-manager-invalid at package.json packageManager")},
		{"packageManager against the only lock",
			files{"package.json": `{"packageManager": "pnpm@10.4.1"}`, "yarn.lock": yarn1Lock}, nil,
			fails("node/package-manager-conflict at package.json packageManager")},
		{"two locks", plain("package-lock.json", "", "yarn.lock", yarn1Lock), nil,
			fails("node/lockfile-conflict at package-lock.json")},
		{"two npm locks", plain("package-lock.json", "", "npm-shrinkwrap.json", ""), nil,
			fails("node/lockfile-conflict at package-lock.json")},
		{"two locks and a pin",
			files{"package.json": `{"packageManager": "pnpm@10.4.1"}`, "pnpm-lock.yaml": "", "yarn.lock": ""}, nil,
			fails("node/lockfile-conflict at yarn.lock")},
		{"shrinkwrap", plain("npm-shrinkwrap.json", "{}"), nil, ok("node  from default")},
		{"engines name two", files{"package.json": `{"engines": {"yarn": "1.x", "pnpm": "9"}}`}, nil,
			fails("node/package-manager-conflict at package.json engines")},
		{"engines name two, the lock decides",
			files{"package.json": `{"engines": {"yarn": "1.x", "pnpm": "9"}}`,
				"pnpm-lock.yaml": "lockfileVersion: '9.0'"}, nil,
			warned("node  from default; pnpm 9 from package.json engines.pnpm",
				"package.json engines.yarn is set and pnpm-lock.yaml decides for pnpm; using pnpm")},
		{"engines.npm keeps others out",
			files{"package.json": `{"engines": {"npm": "please-use-yarn"}}`, "yarn.lock": yarn1Lock}, nil,
			ok("node  from default", "yarn 1.22.x from yarn.lock")},
		{"engines.pnpm", files{"package.json": `{"engines": {"pnpm": "9"}}`}, nil,
			ok("node  from default", "pnpm 9 from package.json engines.pnpm")},
		{"devEngines.packageManager",
			files{"package.json": `{"devEngines": {"packageManager": {"name": "pnpm", "version": "9"}}}`}, nil,
			ok("node  from default", "pnpm 9 from package.json devEngines.packageManager")},
		{"pnpm 8", plain("pnpm-lock.yaml", "lockfileVersion: '6.0'\r\n"), nil,
			warned("node  from default; pnpm 8.x from pnpm-lock.yaml",
				"no pnpm version is named; pnpm-lock.yaml (version 6.0) suggests pnpm 8.x: pin it with the packageManager field")},
		{"pnpm 7", plain("pnpm-lock.yaml", "\ufefflockfileVersion: 5.4\n"), nil,
			warned("node  from default; pnpm 7.x from pnpm-lock.yaml",
				"no pnpm version is named; pnpm-lock.yaml (version 5.4) suggests pnpm 7.x: pin it with the packageManager field")},
		{"pnpm of the future", plain("pnpm-lock.yaml", "lockfileVersion: '99.0'\n"), nil,
			ok("node  from default", "pnpm  from default")},
		{"pnpm named",
			files{"package.json": `{"engines": {"pnpm": "^10"}}`, "pnpm-lock.yaml": "lockfileVersion: '9.0'"}, nil,
			ok("node  from default", "pnpm ^10 from package.json engines.pnpm")},
		{"bun", plain("bun.lock", "{}", "bun.lockb", ""), nil, ok("node  from default", "bun  from default")},
		{"yarn 1", plain("yarn.lock", yarn1Lock), nil, ok("node  from default", "yarn 1.22.x from yarn.lock")},
		{"yarn 1 by engines", files{"package.json": `{"engines": {"yarn": "^1.10.0"}}`, "yarn.lock": yarn1Lock},
			nil, ok("node  from default", "yarn ^1.10.0 from package.json engines.yarn")},
		{"berry", plain("yarn.lock", berryLock), nil, ok("node  from default", "yarn ^4.0.0 from yarn.lock")},
		{"berry with CRLF", plain("yarn.lock", strings.ReplaceAll(berryLock, "\n", "\r\n")), nil,
			ok("node  from default", "yarn ^4.0.0 from yarn.lock")},
		{"yarn 3", plain("yarn.lock", strings.Replace(berryLock, "8", "6", 1)), nil,
			ok("node  from default", "yarn ^3.2.0 from yarn.lock")},
		{"berry pinned", files{"package.json": `{"packageManager": "yarn@4.5.0"}`, "yarn.lock": berryLock}, nil,
			ok("node  from default", "yarn =4.5.0 from package.json packageManager")},
		{"yarn 1 pinned, berry's lock",
			files{"package.json": `{"packageManager": "yarn@1.22.22"}`, "yarn.lock": berryLock}, nil,
			fails("node/package-manager-conflict at package.json packageManager")},
		{"yarn 1 by engines, berry's lock",
			files{"package.json": `{"engines": {"yarn": "1.x"}}`, "yarn.lock": berryLock}, nil,
			fails("node/package-manager-conflict at package.json engines.yarn")},
		{"berry by engines, yarn 1's lock",
			files{"package.json": `{"engines": {"yarn": ">=3"}}`, "yarn.lock": yarn1Lock}, nil,
			fails("node/package-manager-conflict at package.json engines.yarn")},
		{"berry pinned, yarn 1's lock",
			files{"package.json": `{"packageManager": "yarn@4.5.0"}`, "yarn.lock": yarn1Lock}, nil,
			warned("node  from default; yarn =4.5.0 from package.json packageManager",
				"package.json packageManager asks for yarn 4.5.0 and yarn.lock is written by yarn 1: run `yarn install` and commit the lock file")},
		{"yarnPath",
			plain("yarn.lock", berryLock, ".yarnrc.yml", "yarnPath: .yarn/releases/yarn-4.5.0.cjs\r\n",
				".yarn/releases/yarn-4.5.0.cjs", ""), nil,
			ok("node  from default", "yarn =4.5.0 from .yarnrc.yml yarnPath")},
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
			plain("yarn.lock", yarn1Lock, ".yarnrc.yml", "yarnPath: .yarn/releases/yarn-1.22.22.cjs",
				".yarn/releases/yarn-1.22.22.cjs", ""), nil,
			ok("node  from default", "yarn =1.22.22 from .yarnrc.yml yarnPath")},
		{"yarnPath not committed",
			plain("yarn.lock", berryLock, ".yarnrc.yml", "yarnPath: .yarn/releases/yarn-4.5.0.cjs"), nil,
			warned("node  from default; yarn ^4.0.0 from yarn.lock",
				".yarnrc.yml yarnPath names .yarn/releases/yarn-4.5.0.cjs, which is not committed")},
		{"yarnPath outside", plain("yarn.lock", berryLock, ".yarnrc.yml", "yarnPath: ../yarn.cjs"), nil,
			warned("node  from default; yarn ^4.0.0 from yarn.lock",
				".yarnrc.yml yarnPath names ../yarn.cjs, which is not committed")},
		{"broken .yarnrc.yml", plain("yarn.lock", berryLock, ".yarnrc.yml", "a: [b"), nil,
			fails("node/yarnrc-invalid at .yarnrc.yml")},
		{"broken pnpm-workspace.yaml", plain("pnpm-lock.yaml", "", "pnpm-workspace.yaml", "a: [b"), nil,
			fails("node/pnpm-workspace-invalid at pnpm-workspace.yaml")},
	})
}

func TestNodeConflictHints(t *testing.T) {
	_, err := detect.ForNode(
		detect.Input{FS: plain("package-lock.json", "", "yarn.lock", "", "pnpm-lock.yaml", "").tree()})
	want := &detect.Error{
		ID: "node/lockfile-conflict", Place: "package-lock.json",
		Summary: "More than one package manager's lock file is committed: package-lock.json, yarn.lock, pnpm-lock.yaml.",
		Hints: []string{"to use npm with package-lock.json: run `git rm yarn.lock pnpm-lock.yaml` and commit",
			"to use yarn with yarn.lock: run `git rm package-lock.json pnpm-lock.yaml` and commit",
			"to use pnpm with pnpm-lock.yaml: run `git rm package-lock.json yarn.lock` and commit"},
	}
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNodeApp(t *testing.T) {
	tree := files{
		"package.json": `{"name": "shop", "main": "./lib/index.js", "scripts": {"start": "node ."}, "workspaces": {"packages": ["packages/*", "apps/**", "!apps/old"]},
			"dependencies": {"local": "file:./vendored", "out": "file:../../etc"}, "cache_directories": [".next/cache"], "packageManager": "yarn@4.5.0"}`,
		"yarn.lock": berryLock, ".yarnrc.yml": "nodeLinker: node-modules\n", ".yarn/cache/a.zip": "", ".yarn/patches/a.patch": "", ".npmrc": "", "app.mjs": "", "index.js": "", "node_modules/a/package.json": "{}",
		"packages/a/package.json": `{"devDependencies": {"x": "1"}}`, "packages/b/README": "", "packages/a/sub/package.json": "{", "apps/x/y/package.json": "{}", "apps/x/node_modules/q/package.json": "{",
		"apps/old/package.json": "{", "vendored/package.json": "{}", "vendored/index.js": "",
	}
	result, err := detect.ForNode(detect.Input{FS: tree.tree()})
	if err != nil {
		t.Fatal(err)
	}
	want := &detect.NodeApp{
		Name: "shop", Manager: "berry", ManagerFrom: "package.json packageManager", Lockfile: "yarn.lock", Scripts: map[string]string{"start": "node ."}, Main: "lib/index.js", ServerFile: "app.mjs",
		Workspaces: []string{"packages/*", "apps/**",
			"!apps/old"}, HasDevDeps: true, HasDeps: true, NodeModules: true, NodeLinker: "node-modules", ZeroInstall: true, CacheDirs: []string{".next/cache"}, NpmrcPresent: true,
		Manifests: []string{".npmrc", ".yarn/patches/a.patch", ".yarnrc.yml", "apps/x/y/package.json",
			"package.json", "packages/a/package.json", "vendored/package.json", "yarn.lock"},
	}
	if diff := cmp.Diff(want, result.App); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNodeWorkspaces(t *testing.T) {
	check(t, detect.ForNode, []row{
		{"broken member", files{"package.json": `{"workspaces": ["a"]}`, "a/package.json": "{"}, nil,
			fails("node/package-json-invalid at a/package.json:1:2")},
		{"pattern out of the tree", files{"package.json": `{"workspaces": ["../*", "/etc/*", "."]}`}, nil,
			ok("node  from default")},
		{"bad pattern", files{"package.json": `{"workspaces": ["[", "**/**/**/**"]}`, "a/package.json": "{}"}, nil,
			ok("node  from default")},
		{"link out of the tree", files{"package.json": `{"workspaces": ["*"]}`, "a": "-> ../../x"}, nil,
			ok("node  from default")},
	})
	many := files{"package.json": `{"workspaces": ["*"]}`}
	for i := range 1100 {
		many["m"+strings.Repeat("x", i%40)+string(rune('a'+i/40))+"/package.json"] = "{}"
	}
	_, err := detect.ForNode(detect.Input{FS: many.tree()})
	if err == nil || err.(*detect.Error).ID != "node/workspaces-too-many" {
		t.Errorf("error %v", err)
	}
}
