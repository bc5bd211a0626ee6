package node_test

import (
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/buildpacktest"
	"slugc/buildpacks/shell"
	"slugc/cache/testkit"
)

// get moves the built app elsewhere, starts its web process there and asks it once. The original is
// gone meanwhile, so nothing can depend on it.
func (b *bench) get(o outcome, path string) (status int, body string) {
	b.T.Helper()
	moved := b.Path("moved")
	must(b.T, os.Rename(b.App, moved))
	defer func() { must(b.T, os.Rename(moved, b.App)) }()
	layers := filepath.Join(moved, ".layers/slugc_node")
	before := b.snapshot(moved)
	var dirs []string
	for _, layer := range []string{"node", "yarn", "pnpm", "bun"} {
		dirs = append(dirs, filepath.Join(layers, layer, "bin"))
	}
	env := []string{"PATH=" + strings.Join(dirs, ":") + ":/usr/bin:/bin:" + moved + "/node_modules/.bin"}
	defaults, err := filepath.Glob(layers + "/*/env.launch/*.default")
	must(b.T, err)
	for _, file := range defaults {
		name := strings.TrimSuffix(filepath.Base(file), ".default")
		env = append(env, name+"="+testkit.Read(b.T, file))
	}
	script := ". " + layers + "/node/profile.d/web_concurrency.sh && cd ./" + b.Member + " && exec " +
		o.Processes()["web"]
	command := shell.Command("sh", "-c", script)
	status, body = buildpacktest.Serve(b.T, moved, command, env, path)
	b.checkStart(before, b.snapshot(moved))
	return status, body
}

// snapshot lists an app's files and layers.
func (b *bench) snapshot(dir string) buildpacktest.Files {
	files := buildpacktest.Files{}
	b.AddFiles(files, dir, "")
	b.AddFiles(files, filepath.Join(dir, ".layers/slugc_node"), ".layers")
	return files
}

// checkStart fails where starting the app installed something.
func (b *bench) checkStart(before, after buildpacktest.Files) {
	b.T.Helper()
	wrote := 0
	for name, text := range after {
		if before[name] == text {
			continue
		}
		if strings.Contains(name, "node_modules") {
			b.T.Errorf("starting the app wrote %s", name)
		}
		wrote++
	}
	if wrote > 20 {
		b.T.Errorf("starting the app wrote %d files", wrote)
	}
}
