package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
	"slugc/cache/testkit"
)

// members are the ways in which package managers build apps/api of a workspace: what the root says of the manager,
// its lock file, how a member asks for another. Those of npm and pnpm are fixtures.
var members = map[string]struct{ pin, lock, from, asks, start string }{
	"yarn":  {"yarn@1.22.22", "yarn.lock", "yarn1.lock", "1.0.0", "yarn start"},
	"berry": {"yarn@4.9.1", "yarn.lock", "berry.lock", "workspace:*", "yarn start"},
	"bun":   {"bun@1.2.20", "bun.lock", "bun.lock", "workspace:*", "bun run start"},
}

// newMember returns a bench with a workspace. Its member apps/web would fail to build, were it there.
func newMember(t *testing.T, manager string) *bench {
	b := newWarmBench(t, small)
	m := members[manager]
	must(t, os.RemoveAll(b.Source("")))
	b.Member = "apps/api"
	b.Write("package.json", fmt.Sprintf(`{ "name": "mono", "private": true, "packageManager": %q,
  "engines": { "node": "22.x" },
  "workspaces": ["apps/*", "packages/*"], "scripts": { "start": "exit 9", "build": "exit 9" } }`, m.pin))
	b.Write("apps/api/package.json", fmt.Sprintf(`{ "name": "@acme/api", "version": "1.0.0",
  "scripts": { "start": "node server.js", "build": "node build.js" },
  "dependencies": { "@acme/greeting": %q, "ms": "2.1.3" }, "devDependencies": { "is-odd": "3.0.1" } }`, m.asks))
	b.Write("apps/api/build.js", `require("fs").mkdirSync("dist", { recursive: true })
require("fs").writeFileSync("dist/built.txt", "odd " + require("is-odd")(3) + ", " + require("@acme/greeting"))`)
	b.Write("apps/api/server.js", `const ms = require("ms")("1s")
const text = require("fs").readFileSync("dist/built.txt", "utf8") + ms
require("http").createServer((req, res) => res.end(text)).listen(process.env.PORT)`)
	b.Write("packages/greeting/package.json", fmt.Sprintf(`{ "name": "@acme/greeting", "version": "1.0.0",
  "main": "dist.js", "scripts": { "build": "node build.js" },
  "dependencies": { "@acme/words": %q, "ms": "2.0.0" } }`, m.asks))
	b.Write("packages/greeting/build.js", `require("fs").writeFileSync("dist.js", "module.exports = " +
  JSON.stringify(require("@acme/words") + require("ms/package.json").version))`)
	b.Write("packages/words/package.json", `{ "name": "@acme/words", "version": "1.0.0", "main": "made.js",
  "scripts": { "build": "cp words.js made.js" } }`)
	b.Write("packages/words/words.js", `module.exports = "hello "`)
	b.Write("apps/web/package.json", fmt.Sprintf(`{ "name": "@acme/web", "version": "1.0.0",
  "scripts": { "postinstall": "exit 9", "build": "exit 9" },
  "dependencies": { "@acme/words": %q, "once": "1.4.0" } }`, m.asks))
	b.Write("tsconfig.base.json", "{}")
	b.Write(m.lock, testkit.Read(t, filepath.Join("testdata/member", m.from)))
	if manager == "berry" {
		b.Write(".yarnrc.yml", "nodeLinker: node-modules\n")
	}
	return b
}

// unrelated matches what the app does not need: the other member, its packages, development dependencies.
var unrelated = regexp.MustCompile(`(?:^|[/@])(?:web|once|wrappy|is-odd|is-number)(?:[/@]|$)`)

// TestMember builds a member with each package manager: it, and what it uses in order, is built and answers; of
// the member beside it nothing is there, and no package of it; development dependencies are gone.
func TestMember(t *testing.T) {
	for manager, m := range members {
		t.Run(manager, func(t *testing.T) {
			t.Parallel()
			b := newMember(t, manager)
			first := b.build()
			if got := first.Processes()["web"]; got != m.start {
				t.Errorf("web is %q, want %q", got, m.start)
			}
			b.answers(first, "odd true, hello 2.0.01000")
			for _, name := range first.files.Names() {
				if !strings.HasPrefix(name, ".layers") && unrelated.MatchString(name) {
					t.Errorf("%s is in the slug", name)
				}
			}
			if !first.HasSliceKey("node_modules") {
				t.Errorf("the tree has no key:\n%s", first.Log)
			}
			second := b.build()
			second.Says(t, "Using node_modules from the cache")
			buildpacktest.Equal(t, "second", second.files, first.files)
		})
	}
}
