package detect_test

import (
	"errors"
	"strings"
	"testing"

	"slugc/detect"
)

// members are sources whose app in apps/api cannot be built alone, and what the error and its hints say.
var members = map[string]struct {
	files map[string]string
	want  []string
}{
	"npm": {map[string]string{
		"package.json": `{"workspaces": ["apps/*", "packages/*"]}`, "package-lock.json": "{}",
		"apps/api/package.json": `{"name": "@acme/api", "scripts": {"build": "tsc"}, "dependencies": {"lib": "*"}}`,
	}, []string{
		"the repository's root (package-lock.json)", "`web: npm run -w @acme/api start`", "npm run -w @acme/api build",
	}},
	"yarn, a deeper root": {map[string]string{
		"apps/package.json": `{"workspaces": {"packages": ["**", "!web"]}}`, "apps/yarn.lock": "",
		"apps/api/package.json": `{"name": "api"}`,
	}, []string{
		"belongs to the workspace in apps (apps/yarn.lock)", "build apps, and start",
		"`web: yarn workspace api run start`",
	}},
	"pnpm with a lock of its own": {map[string]string{
		"pnpm-workspace.yaml": "packages: ['apps/**']", "pnpm-lock.yaml": "", "apps/api/pnpm-lock.yaml": "",
		"apps/api/package.json": `{"devDependencies": {"b": "workspace:^", "a": "workspace:*", "c": "1"}}`,
	}, []string{"needs a, b", "`web: pnpm --filter apps/api run start`"}},
	"bun": {map[string]string{
		"package.json": `{"workspaces": ["apps/api"]}`, "bun.lock": "", "apps/api/package.json": `{"name": "x"}`,
	}, []string{"`web: bun run --filter x start`"}},
	"a package beside": {map[string]string{
		"apps/api/package.json": `{"dependencies": {"lib": "file:../../lib"}}`, "apps/api/package-lock.json": "{}",
	}, []string{"needs lib in lib"}},
	"replace": {map[string]string{
		"apps/api/go.mod": "module m\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../../\n",
	}, []string{
		"apps/api/go.mod:5 replaces example.com/lib by ../../, which is the repository's root",
		"go work init ./apps/api .`",
	}},
	"go.work": {map[string]string{
		"go.work": "go 1.24\nuse (\n\t./apps/api\n\t./lib\n)\n", "lib/go.mod": "module example.com/lib\n",
		"apps/api/go.mod": "module m\n\nrequire example.com/lib v0.0.0\n",
	}, []string{
		"apps/api/go.mod:3 requires example.com/lib, which go.work has in lib", "GO_INSTALL_PACKAGE_SPEC=./apps/api",
	}},
	"gem": {map[string]string{
		"apps/api/Gemfile.lock": "PATH\n  remote: ../../libs/greet\n  specs:\n    greet (1.0)\n\nGEM\n  specs:\n",
	}, []string{"Gemfile.lock has the gem greet in libs/greet", "below apps/api"}},
	"deps.edn": {map[string]string{
		"apps/api/deps.edn": "{:aliases\n {:run {:extra-deps {acme/lib {:local/root \"../../lib\"}}}}}",
	}, []string{"apps/api/deps.edn:2 has :local/root \"../../lib\", which is lib"}},
}

// TestMember refuses an app that needs what --subdir leaves out, before anything is asked for it
// elsewhere.
func TestMember(t *testing.T) {
	t.Parallel()
	for name, tt := range members {
		e, ok := errors.AsType[*detect.Error](member(tt.files))
		if !ok || e.ID != "detect/subdir-member" || !strings.HasPrefix(e.Place, "apps/api/") {
			t.Errorf("%s: %+v", name, e)
			continue
		}
		text := e.Summary + "\n" + strings.Join(e.Hints, "\n")
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in\n%s", name, want, text)
			}
		}
	}
}

func member(files map[string]string) error {
	return detect.Member(func(name string) ([]byte, bool) {
		content, ok := files[name]
		return []byte(content), ok
	}, "apps/api")
}

// TestAlone accepts apps that need nothing around them.
func TestAlone(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"nothing": {},
		"no member": {"package.json": `{"workspaces": ["packages/*", "apps/*", "!apps/api"]}`,
			"apps/api/package.json": `{"dependencies": {"x": "file:lib"}}`},
		"a lock of its own": {"package.json": `{"workspaces": ["apps/*"]}`, "apps/api/yarn.lock": "",
			"apps/api/package.json": `{"dependencies": {"x": "1"}}`},
		"malformed": {"package.json": `{`, "apps/api/package.json": `[`, "apps/api/go.mod": "?",
			"apps/api/deps.edn":     "(",
			"apps/api/Gemfile.lock": "?"},
		"vendored": {"apps/api/go.mod": "module m\n\nreplace example.com/lib => ../../\n",
			"apps/api/vendor/modules.txt": ""},
		"another's go.work": {"go.work": "go 1.24\nuse ./lib\n", "lib/go.mod": "module example.com/lib\n",
			"apps/api/go.mod": "module m\n\nrequire example.com/lib v1.0.0\n"},
		"inside": {"apps/api/go.mod": "module m\n\nreplace a => ./a\n\nreplace b => b.com/b v1.0.0\n",
			"apps/api/Gemfile.lock": "PATH\n  remote: .\n  specs:\n    api (1.0)\n",
			"apps/api/deps.edn":     `{:deps {a {:local/root "lib"} b {:local/root "../../.."}}}`},
	} {
		if err := member(files); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
