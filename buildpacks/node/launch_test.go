package node

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/cache/testkit"
	"slugc/detect"
)

func TestWeb(t *testing.T) {
	t.Parallel()
	app := func(main, server string) detect.NodeApp { return detect.NodeApp{Main: main, ServerFile: server} }
	with := func(f detect.NodeFramework, start string) detect.NodeApp {
		return detect.NodeApp{Framework: &f, Scripts: map[string]string{"start": start}}
	}
	site := detect.NodeFramework{Output: []string{"dist", "build"}}
	wanted := detect.NodeFramework{Output: []string{"dist"}, Wanted: true}
	for name, tt := range map[string]struct {
		app       detect.NodeApp
		files     string
		assisting bool
		want      string // a directory of static files ends in "/"
		says      string // the error has it
	}{
		"start script": {app: detect.NodeApp{Scripts: map[string]string{"start": "x"}}, want: "npm start"},
		"main": {app: app("lib/my app.js", "index.js"), files: "lib/my app.js, index.js",
			want: "node 'lib/my app.js'"},
		"main is gone": {app: app("lib/app.js", "index.js"), files: "index.js", want: "node index.js"},
		"no extension": {app: app("lib/server", ""), files: "lib/server.js, lib/server/index.js",
			want: "node lib/server.js"},
		"a directory":      {app: app("lib", ""), files: "lib/index.js", want: "node lib/index.js"},
		"an ES module":     {app: app("lib/server", ""), files: "lib/server.mjs", want: "node lib/server.mjs"},
		"main is outside":  {app: app("../x", ""), says: "no start script"},
		"Procfile":         {files: "Procfile"},
		"nothing":          {says: "no start script"},
		"assisting":        {assisting: true},
		"a server":         {app: with(detect.NodeFramework{Name: "Nuxt", Web: "node x"}, ""), want: "node x"},
		"a site":           {app: with(site, ""), files: "build/index.html", want: "build/"},
		"not made":         {app: with(site, ""), says: "no index.html in dist, build"},
		"not made, used":   {app: with(site, ""), files: "Procfile"},
		"a dev server":     {app: with(site, "vite"), files: "dist/index.html", want: "dist/"},
		"wanted":           {app: with(wanted, "node x"), files: "dist/index.html, Procfile", want: "dist/"},
		"wanted, not made": {app: with(wanted, "node x"), files: "Procfile", says: "no index.html in dist"},
		"hints":            {app: with(detect.NodeFramework{Hints: []string{"do"}}, ""), says: "no start script"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &work{Build: frame(t.TempDir()), app: &tt.app, assisting: tt.assisting}
			for file := range strings.SplitSeq(tt.files, ", ") {
				if file != "" {
					testkit.Write(t, b.Path(file), "")
				}
			}
			w, err := b.web()
			got := w.command
			if w.static {
				got = w.dir + "/"
			}
			if got != tt.want || (err != nil) != (tt.says != "") ||
				err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestMissingPrograms holds which commands cannot start, with the script and the program that are at fault. The
// slug has next and cross-env; nodemon and tsc were pruned.
func TestMissingPrograms(t *testing.T) {
	t.Parallel()
	b := &work{
		Build: frame(t.TempDir()), env: newEnvironment([]string{"PATH=/usr/bin:/bin"}, nil),
		app: &detect.NodeApp{Scripts: map[string]string{
			"start": "npm run serve", "serve": "cross-env A=b nodemon x.js", "ok": "next start", "loop": "npm run loop",
			"start:prod": "sh x", "both": "tsc && sh x",
		}},
		deps: dependencies{
			programs: []string{"cross-env", "next"}, full: []string{"cross-env", "next", "nodemon", "tsc"},
		},
	}
	for line, want := range map[string]string{
		"nodemon x.js": "nodemon pruned", "NODE_ENV=production nodemon x": "nodemon pruned", "nowhere": "nowhere",
		"cross-env NODE_ENV=production nodemon": "nodemon pruned", "npm start": "nodemon pruned in serve",
		"yarn serve": "nodemon pruned in serve", "bun run both": "tsc pruned in both",
		"npx nodemon x":     "nodemon pruned",
		"pnpm exec nodemon": "nodemon pruned", "node_modules/.bin/nodemon": "nodemon pruned",
		"sh x && tsc":                 "tsc pruned",
		"./node_modules/.bin/tsc; sh": "tsc pruned", "exec next start -p $PORT": "", "npm run ok": "",
		"npm run loop":      "",
		"sh -c 'nodemon x'": "", "next start || nodemon": "", "nodemon x & next start": "",
		"nodemon x 2>&1":            "nodemon pruned",
		"if true; then nodemon; fi": "", "./nodemon": "",
		"$SERVER x": "", "npm start -w apps/web": "", "npm --prefix api start": "", "npx -p x nodemon": "",
		"cd api && next start": "", "bin/web": "", "": "", "yarn workspace api start": "",
	} {
		got := ""
		if m := b.missingIn(line, "", 3); m != nil {
			got = m.program
			if m.pruned {
				got += " pruned"
			}
			if m.script != "" {
				got += " in " + m.script
			}
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
	var out bytes.Buffer
	b.Log = &command.Log{Out: &out}
	testkit.Write(t, b.Path("Procfile"),
		"web: npm start\ndirect: A=b nodemon x\nnpx: npx tsc\nok: next start\n# old: npm start\n")
	if err := b.checkPrograms(webProcess{script: true}); err != nil || strings.Count(out.String(), "can't start") != 3 {
		t.Errorf("with a Procfile: %v, says %q", err, out.String())
	}
	if err := os.Remove(b.Path("Procfile")); err != nil {
		t.Fatal(err)
	}
	err := b.checkPrograms(webProcess{script: true})
	d, ok := errors.AsType[*diagnosis.Diagnosis](err)
	if !ok || d.ID != "node/start-program-missing" || !strings.Contains(d.Summary, `the script "serve" runs nodemon`) ||
		!strings.Contains(strings.Join(d.Hints, " "), "start:prod") || len(d.Hints) != 3 {
		t.Errorf("got %+v", err)
	}
}

// TestConcurrency runs the launch script under made-up limits in each shell that a runner may have.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ v2, v1, env, want string }{
		{v2: "1073741824", want: "2"},
		{v2: "max", v1: "1073741824", want: "1"},
		{v1: "2147483648", want: "4"},
		{v1: "9223372036854771712", want: "1"},
		{want: "1"},
		{v2: "34359738368", want: "16"},
		{v2: "1073741824", env: "WEB_MEMORY=256", want: "4"},
		{v2: "1073741824", env: "WEB_MEMORY=none", want: "2"},
		{v2: "1073741824", env: "WEB_CONCURRENCY=7", want: "7"},
		{v2: "134217728", want: "1"},
	} {
		for _, shell := range []string{"sh", "bash"} {
			root := t.TempDir()
			script := strings.ReplaceAll(concurrency, "/sys/fs/cgroup", root)
			testkit.Write(t, filepath.Join(root, "run.sh"), "set -eu\n"+script+"echo $WEB_CONCURRENCY\n")
			if tt.v2 != "" {
				testkit.Write(t, filepath.Join(root, "memory.max"), tt.v2+"\n")
			}
			if tt.v1 != "" {
				testkit.Write(t, filepath.Join(root, "memory/memory.limit_in_bytes"), tt.v1+"\n")
			}
			cmd := exec.Command(shell, filepath.Join(root, "run.sh"))
			cmd.Env = []string{"PATH=/usr/bin:/bin", tt.env}
			out, err := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
				t.Errorf("%s with %+v: %q (%v), want %s", shell, tt, got, err, tt.want)
			}
		}
	}
}

// frame is a build of the app in dir.
func frame(dir string) *language.Build { return &language.Build{Dir: dir, Root: dir} }
