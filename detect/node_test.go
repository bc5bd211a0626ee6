package detect_test

import (
	"strings"
	"testing"

	"slugc/detect"
)

// pkg makes a tree with this package.json and more files as name, content pairs.
func pkg(packageJSON string, more ...string) files {
	return files{"package.json": packageJSON}.with(more...)
}

var nodeRows = []row{
	{"nothing", files{}, nil, want{reasons: []string{"-no package.json"}}},
	{"server.js alone", files{"server.js": ""}, nil,
		want{reasons: []string{"-no package.json", "-found server.js, but Node apps are recognised by package.json"}}},
	{"smallest", pkg("{}"), nil,
		want{pass: true, requires: []string{"node  from default"}, reasons: []string{"found package.json"}}},
	{"wrong case", files{"Package.json": "{}"}, nil, want{}},
	{"below the root", files{"app/package.json": "{}"}, nil, want{}},
	{"a directory", files{"package.json/": ""}, nil, want{}},
	{"byte order mark and CRLF", pkg("\ufeff{\r\n\"engines\": {\"node\": \"20.x\"}\r\n}\r\n"), nil,
		ok("node 20.x from package.json engines.node")},
	{"trailing comma", pkg("{\n  \"name\": \"a\",\n}"), nil,
		fails("node/package-json-invalid at package.json:3:1")},
	{"comment", pkg("{\n  // c\n}"), nil, fails("node/package-json-invalid at package.json:2:3")},
	{"column counts characters", pkg(`{"ü": "é" x}`), nil,
		fails("node/package-json-invalid at package.json:1:11")},
	{"unfinished", pkg("{\n\"a\": 1"), nil, fails("node/package-json-invalid at package.json:2:7")},
	{"empty", pkg(""), nil, fails("node/package-json-invalid at package.json:1:1")},
	{"merge conflict", pkg("<<<<<<< HEAD\n{}"), nil, fails("node/package-json-invalid at package.json:1:1")},
	{"an array", pkg("[]"), nil, fails("node/package-json-invalid at package.json")},
	{"null", pkg("null"), nil, fails("node/package-json-invalid at package.json")},
	{"scripts is a list", pkg(`{"scripts": []}`), nil, fails("node/package-json-invalid at package.json scripts")},
	{"engines is a number", pkg(`{"engines": {"node": 20}}`), nil,
		fails("node/package-json-invalid at package.json engines")},
	{"too large", files{"package.json": strings.Repeat(" ", 5<<20)}, nil,
		fails("node/file-too-large at package.json")},
	{"io.js", pkg(`{"engines": {"iojs": "1.x"}}`), nil, fails("node/iojs at package.json engines.iojs")},
	{".heroku is a file", files{"package.json": "{}", ".heroku": "x"}, nil,
		fails("node/dot-heroku-file at .heroku")},
	{".heroku/node is a file", files{"package.json": "{}", ".heroku/node": "x"}, nil,
		fails("node/dot-heroku-file at .heroku/node")},
	{".heroku is a directory", files{"package.json": "{}", ".heroku/x": "x"}, nil, ok("node  from default")},
	{"link out of the tree", pkg("-> ../../package.json"), nil, want{}},
	{"link inside", files{"package.json": "-> conf/package.json", "conf": "-> etc", "etc/package.json": "{}"}, nil,
		ok("node  from default")},
}

func TestNode(t *testing.T) { check(t, detect.ForNode, nodeRows) }

func TestNodeApp(t *testing.T) {
	tree := files{
		"package.json": `{
			"name": "shop", "main": "./lib/index.js", "scripts": {"start": "node ."},
			"workspaces": {"packages": ["packages/*", "apps/**", "!apps/old"]},
			"dependencies": {"local": "file:./vendored", "out": "file:../../etc"},
			"cache_directories": [".next/cache"], "packageManager": "yarn@4.5.0"}`,
		"yarn.lock": berryLock, ".yarnrc.yml": "nodeLinker: node-modules\n",
		".yarn/cache/a.zip": "", ".yarn/patches/a.patch": "", ".npmrc": "", "app.mjs": "", "index.js": "",
		"node_modules/a/package.json": "{}",
		"packages/a/package.json":     `{"devDependencies": {"x": "1"}}`,
		"packages/a/sub/package.json": "{", "packages/b/README": "",
		"apps/x/y/package.json": "{}", "apps/x/node_modules/q/package.json": "{", "apps/old/package.json": "{",
		"vendored/package.json": "{}", "vendored/index.js": "",
	}
	checkApp(t, detect.ForNode, tree, &detect.NodeApp{
		Name: "shop", Manager: "berry", ManagerFrom: "package.json packageManager", Lockfile: "yarn.lock",
		Scripts: map[string]string{"start": "node ."}, Main: "lib/index.js", ServerFile: "app.mjs",
		Workspaces: []string{"packages/*", "apps/**", "!apps/old"},
		HasDevDeps: true, HasDeps: true, NodeModules: true, NodeLinker: "node-modules", ZeroInstall: true,
		CacheDirs: []string{".next/cache"}, NpmrcPresent: true,
		Manifests: []string{".npmrc", ".yarn/patches/a.patch", ".yarnrc.yml", "apps/x/y/package.json",
			"package.json", "packages/a/package.json", "vendored/package.json", "yarn.lock"},
	})
}

var workspaceRows = []row{
	{"broken member", files{"package.json": `{"workspaces": ["a"]}`, "a/package.json": "{"}, nil,
		fails("node/package-json-invalid at a/package.json:1:2")},
	{"pattern out of the tree", pkg(`{"workspaces": ["../*", "/etc/*", "."]}`), nil, ok("node  from default")},
	{"bad pattern", files{"package.json": `{"workspaces": ["[", "**/**/**/**"]}`, "a/package.json": "{}"}, nil,
		ok("node  from default")},
	{"link out of the tree", pkg(`{"workspaces": ["*"]}`, "a", "-> ../../x"), nil, ok("node  from default")},
}

func TestNodeWorkspaces(t *testing.T) {
	check(t, detect.ForNode, workspaceRows)
	many := pkg(`{"workspaces": ["*"]}`)
	for i := range 1100 {
		many["m"+strings.Repeat("x", i%40)+string(rune('a'+i/40))+"/package.json"] = "{}"
	}
	_, err := detect.ForNode(detect.Input{FS: many.tree()})
	if err == nil || err.(*detect.Error).ID != "node/workspaces-too-many" {
		t.Errorf("error %v", err)
	}
}
