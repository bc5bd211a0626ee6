package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"slugc/.ci/bench/mirror"
)

// nodeApp says how the big app is written.
type nodeApp struct {
	added  int  // how many packages more it has, of those in added.json
	script bool // it has a build script
	alone  bool // it has only the dependency that the build script needs
}

type object = map[string]any

// writeNode writes the big app. Its lock file names the mirror's tarballs, as the lock files of most
// apps name their registry's.
func (b *bench) writeNode(dir string, app nodeApp) error {
	var manifest, lock, added object
	for name, v := range map[string]any{"package.json": &manifest, "package-lock.json": &lock, "added.json": &added} {
		if err := b.readJSON(name, v); err != nil {
			return err
		}
	}
	packages := lock["packages"].(object)
	root := packages[""].(object)
	for _, key := range slices.Sorted(maps.Keys(added))[:app.added] {
		entry := added[key].(object)
		packages[key] = entry
		name := packageName(key, entry)
		manifest["dependencies"].(object)[name] = entry["version"]
		root["dependencies"].(object)[name] = entry["version"]
	}
	if app.alone {
		keepOnly(packages, "", "node_modules/"+compiler)
		keepOnly(root["dependencies"].(object), compiler)
		keepOnly(manifest["dependencies"].(object), compiler)
	}
	for key, entry := range packages {
		if e := entry.(object); e["integrity"] != nil {
			e["resolved"] = b.npm.URL + mirror.Tarball(packageName(key, e), e["version"].(string))
		}
	}
	files := map[string]string{}
	if app.script {
		manifest["scripts"].(object)["build"] = "node build.js"
		files["build.js"] = buildScript
	}
	for name, v := range map[string]any{"package.json": manifest, "package-lock.json": lock} {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return err
		}
		files[name] = string(text) + "\n"
	}
	for _, name := range []string{"Procfile", "server.js", "greeting.js"} {
		text, err := os.ReadFile(filepath.Join(b.bigApp, name))
		if err != nil {
			return err
		}
		files[name] = string(text)
	}
	return writeFiles(dir, files)
}

// keepOnly removes all but some entries.
func keepOnly(m object, keys ...string) {
	maps.DeleteFunc(m, func(key string, _ any) bool { return !slices.Contains(keys, key) })
}

// compiler is the package that the build script uses. It has no dependencies.
const compiler = "typescript"

// buildScript compiles a file, which takes about half a second.
const buildScript = `const fs = require('fs'), ts = require('typescript');
const source = fs.readFileSync('greeting.js', 'utf8');
fs.mkdirSync('dist', { recursive: true });
fs.writeFileSync('dist/greeting.js', ts.transpile(source, { target: 'es5' }));
`

func (b *bench) readJSON(name string, v any) error {
	data, err := os.ReadFile(filepath.Join(b.bigApp, name))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// packageName is the name of the package that an entry of a lock file installs.
func packageName(key string, entry object) string {
	if name, ok := entry["name"].(string); ok {
		return name
	}
	return key[strings.LastIndex(key, "node_modules/")+len("node_modules/"):]
}

func writeFiles(dir string, files map[string]string) error {
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fetchers is how many tarballs are fetched at once.
const fetchers = 16

// fillNPM fetches all that the big app needs into the mirror, and Node.js by a build of a small app,
// whose state directory it returns.
func (b *bench) fillNPM() (home string, err error) {
	var lock struct {
		Packages map[string]object `json:"packages"`
	}
	var added map[string]object
	if err := b.readJSON("package-lock.json", &lock); err != nil {
		return "", err
	}
	if err := b.readJSON("added.json", &added); err != nil {
		return "", err
	}
	maps.Copy(lock.Packages, added)
	all, ctx := errgroup.WithContext(b.ctx)
	all.SetLimit(fetchers)
	for key, entry := range lock.Packages {
		if entry["integrity"] != nil {
			all.Go(func() error {
				return b.fetch(ctx, mirror.Tarball(packageName(key, entry), entry["version"].(string)))
			})
		}
	}
	if err := all.Wait(); err != nil {
		return "", err
	}
	home = b.path("home")
	if err := b.writeSmall(b.path("small")); err != nil {
		return "", err
	}
	if _, err := b.build("", home, b.path("small"), "--app", "small"); err != nil {
		return "", err
	}
	b.npm.Offline()
	return home, nil
}

func (b *bench) fetch(ctx context.Context, tarball string) error {
	if _, err := b.npm.Keep(ctx, tarball, ""); err != nil {
		return fmt.Errorf("the registry's %s: %w", path.Base(tarball), err)
	}
	return nil
}

// writeSmall writes an app that has no dependencies.
func (b *bench) writeSmall(dir string) error {
	return writeFiles(dir, map[string]string{
		"package.json": `{"name": "small", "version": "1.0.0", "engines": {"node": "22.x"}, "scripts": ` +
			`{"start": "node server.js"}}` + "\n",
		"package-lock.json": `{"name": "small", "version": "1.0.0", "lockfileVersion": 3, "requires": true, ` +
			`"packages": {"": {"name": "small", "version": "1.0.0", "engines": {"node": "22.x"}}}}` + "\n",
		"server.js":   "require('http').createServer((req, res) => res.end('small')).listen(process.env.PORT);\n",
		"greeting.js": "exports.greeting = 'hello';\n",
	})
}

// change adds a line to a file of an app.
func change(file string, round int) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "// round %d\n", round)
	return err
}

// withNode is the environment of the Node.js that slugc has fetched, so that both sides use the same.
func (b *bench) withNode(home string, more ...string) []string {
	dirs, _ := filepath.Glob(filepath.Join(home, "toolchains/node/*/bin"))
	return b.env(append(more, "PATH="+strings.Join(append(dirs, os.Getenv("PATH")), ":"))...)
}
