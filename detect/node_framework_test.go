package detect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"slugc/detect"
)

// TestNodeFramework holds what starts an app that has no start script: "Name: command", "Name: dir dir (spa)" or
// "Name? first hint". A trailing "*" says that package.json asks for it.
func TestNodeFramework(t *testing.T) {
	t.Parallel()
	app := func(dependencies, dev string, more ...string) files {
		list := func(names string) string {
			var out []string
			for _, name := range strings.Fields(names) {
				out = append(out, fmt.Sprintf("%q: \"1.0.0\"", name))
			}
			return "{" + strings.Join(out, ",") + "}"
		}
		text := `{"name": "app", "dependencies": ` + list(dependencies) + `, "devDependencies": ` + list(dev)
		if len(more)%2 == 1 {
			text, more = text+", "+more[0], more[1:]
		}
		return pkg(text+"}", more...)
	}
	build := func(script string) string { return `"scripts": {"build": "` + script + `"}` }
	for name, tt := range map[string]struct {
		tree files
		env  string
		want string
	}{
		"nothing":          {tree: app("", "")},
		"start script":     {tree: app("next", "", `"scripts": {"start": "next start"}`)},
		"Procfile":         {tree: app("next", "", "Procfile", "worker: x\nweb : y\n")},
		"Procfile, no web": {tree: app("next", "", "Procfile", "worker: x\n"), want: "Next.js: next start"},
		"Next":             {tree: app("next", ""), want: "Next.js: next start"},
		"Next, dev":        {tree: app("", "next"), want: "Next.js? add next to the dependencies"},
		"Next, export": {tree: app("next", "", "next.config.ts", `x = { output: "export" }`),
			want: "Next.js: out"},
		"Nuxt":              {tree: app("", "nuxt"), want: "Nuxt: node .output/server/index.mjs"},
		"Nuxt, generate":    {tree: app("", "nuxt", build("nuxt generate")), want: "Nuxt: .output/public dist"},
		"SvelteKit, node":   {tree: app("", "@sveltejs/kit @sveltejs/adapter-node"), want: "SvelteKit: node build"},
		"SvelteKit, static": {tree: app("", "@sveltejs/kit @sveltejs/adapter-static"), want: "SvelteKit: build"},
		"SvelteKit, auto": {tree: app("", "@sveltejs/kit vite"),
			want: "SvelteKit? build a server: install @sveltejs/adapter-node"},
		"Astro": {tree: app("astro", ""), want: "Astro: dist"},
		"Astro, node": {tree: app("astro @astrojs/node", ""),
			want: "Astro: HOST=0.0.0.0 node dist/server/entry.mjs"},
		"Astro, vercel": {tree: app("astro @astrojs/vercel", ""), want: "Astro? use the adapter @astrojs/node"},
		"React Router": {tree: app("@react-router/serve", "@react-router/dev vite"),
			want: "React Router: react-router-serve build/server/index.js"},
		"React Router, SPA": {tree: app("", "@react-router/dev", "react-router.config.ts", "ssr: false,"),
			want: "React Router: build/client (spa)"},
		"Remix": {tree: app("@remix-run/serve", "@remix-run/dev vite"),
			want: "Remix: remix-serve build/server/index.js"},
		"Remix, no server": {tree: app("", "@remix-run/dev"),
			want: "Remix? add @remix-run/serve to the dependencies"},
		"Nest": {tree: app("@nestjs/core", "@nestjs/cli"), want: "Nest: node dist/main"},
		"Vite": {tree: app("", "vite", build("tsc && vite build"), "index.html", "", "main.js", ""),
			want: "Vite: dist (spa)"},
		"Vite, outDir": {tree: app("", "vite", "index.html", "", "vite.config.ts", "build: { outDir: './site' }"),
			want: "Vite: site (spa)"},
		"Vite, option": {tree: app("", "vite", build("vite build --outDir ../x --outDir=web")),
			want: "Vite: dist (spa)"},
		"Vite beside a file": {tree: app("", "vite", "server.js", "")},
		"create-react-app":   {tree: app("react-scripts", ""), want: "Create React App: build (spa)"},
		"Vue CLI": {tree: app("", "@vue/cli-service", "vue.config.js", "outputDir: 'www'"),
			want: "Vue CLI: www (spa)"},
		"Angular": {tree: app("", "@angular/cli"), want: "Angular: dist/app/browser dist/app dist (spa)"},
		"Angular, named": {tree: app("", "@angular/cli", "angular.json",
			`{"projects": {"shop": {"architect": {"build": {"options": {"outputPath": {"base": "out"}}}}}}}`),
			want: "Angular: out/browser out dist (spa)"},
		"Parcel": {tree: app("", "parcel", build("parcel build x.html --dist-dir www")),
			want: "Parcel: www (spa)"},
		"VitePress": {tree: app("", "vitepress", build("vitepress build site")),
			want: "VitePress: site/.vitepress/dist"},
		"Docusaurus":     {tree: app("@docusaurus/core", ""), want: "Docusaurus: build"},
		"Gatsby":         {tree: app("gatsby", ""), want: "Gatsby: public"},
		"Eleventy":       {tree: app("", "@11ty/eleventy"), want: "Eleventy: _site"},
		"a build script": {tree: app("", "", build("x")), want: ": dist build out public _site"},
		"with a main":    {tree: app("", "", build("tsc")+`, "main": "dist/app.js"`)},
		"dev server": {tree: app("", "vite", `"scripts": {"start": "PORT=3 vite"}`, "index.html", ""),
			want: "Vite: dist (spa)"},
		"kept dev server": {tree: app("", "vite", `"scripts": {"start": "vite"}`, "index.html", ""),
			env: "NPM_CONFIG_PRODUCTION"},
		"dev server of dependencies": {tree: app("react-scripts", "", `"scripts": {"start": "react-scripts start"}`)},
		"workspace": {tree: app("", "turbo", build("turbo build")+`, "workspaces": ["apps/*"]`, "package-lock.json",
			"{}",
			"apps/web/package.json", `{"scripts": {"start": "x"}}`, "apps/lib/package.json", "{}"),
			want: "workspace? to start apps/web, add a Procfile with `web: npm start -w apps/web`"},
		"wanted": {tree: app("next", "", `"slugc": {"static": {"dir": "./www/", "spa": true}}`),
			want: ": www (spa)*"},
		"wanted dir": {tree: app("", "vite", `"slugc": {"static": "www"}`, "index.html", ""),
			want: "Vite: www (spa)*"},
		"wanted, known": {tree: app("", "vite", `"slugc": {"static": {"spa": false}}`, "index.html", ""),
			want: "Vite: dist*"},
		"not wanted": {tree: app("", "", `"slugc": {"static": false}`)},
		"serve.json": {tree: app("", "", build("x"), "serve.json",
			`{"public": "www", "rewrites": [{"source": "**", "destination": "/index.html"}]}`),
			want: ": www dist build out public _site (spa)"},
	} {
		result, err := detect.ForNode(detect.Input{FS: tt.tree.tree(), Env: map[string]string{tt.env: "false"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := ""
		f := result.App.(*detect.NodeApp).Framework
		switch {
		case f == nil:
		case len(f.Hints) > 0:
			got = f.Name + "? " + f.Hints[0]
		case f.Web != "":
			got = f.Name + ": " + f.Web
		default:
			got = f.Name + ": " + strings.Join(f.Output, " ")
			if f.SPA {
				got += " (spa)"
			}
			if f.Wanted {
				got += "*"
			}
		}
		if got != tt.want && (!strings.Contains(tt.want, "?") || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
		serves := slices.ContainsFunc(result.Requires, func(r detect.Requirement) bool { return r.Tool == "sirv-cli" })
		if serves != (f != nil && f.Web == "" && len(f.Hints) == 0) {
			t.Errorf("%s: requires %+v", name, result.Requires)
		}
	}
	for _, bad := range []string{
		`{"dir": "../x"}`, `{"dir": "/etc"}`, `{"dir": 1}`, `["dist"]`, `"-x"`, `{"spa": "yes"}`,
	} {
		_, err := detect.ForNode(detect.Input{FS: app("", "", `"slugc": {"static": `+bad+`}`).tree()})
		if e, ok := err.(*detect.Error); !ok || e.ID != "node/static-invalid" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
