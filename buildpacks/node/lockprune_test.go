package node

import (
	"testing"

	"slugc/cache/testkit"
	"slugc/detect"
)

// TestNothingToPrune holds that npm's prune is left out only where the lock file says that it removes nothing.
func TestNothingToPrune(t *testing.T) {
	t.Parallel()
	const needed = `{"lockfileVersion": 3, "packages": {"": {"devDependencies": {"ms": "1"}}, "node_modules/ms": {`
	for name, tt := range map[string]struct {
		lock string
		app  detect.NodeApp
		user map[string]string
		want bool
	}{
		"all is needed":         {lock: needed + `}}}`, want: true},
		"a development one":     {lock: needed + `"dev": true}}}`},
		"or an optional one":    {lock: needed + `"devOptional": true}}}`},
		"nothing asks for it":   {lock: needed + `"extraneous": true}}}`},
		"of npm 6":              {lock: `{"lockfileVersion": 1, "dependencies": {"ms": {}}}`},
		"broken":                {lock: `{`},
		"another manager":       {lock: needed + `}}}`, app: detect.NodeApp{Manager: "yarn"}},
		"checked in":            {lock: needed + `}}}`, app: detect.NodeApp{NodeModules: true}},
		"a member":              {lock: needed + `}}}`, app: detect.NodeApp{Workspace: &detect.NodeWorkspace{}}},
		"not bound to the lock": {lock: needed + `}}}`, user: map[string]string{"USE_NPM_INSTALL": "true"}},
	} {
		app := tt.app
		if app.Lockfile = "package-lock.json"; app.Manager == "" {
			app.Manager = "npm"
		}
		dir := testkit.Tree(t, t.TempDir(), map[string]string{app.Lockfile: tt.lock})
		b := &work{Build: frame(dir), app: &app, env: newEnvironment(nil, tt.user)}
		if got := b.nothingToPrune(); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
