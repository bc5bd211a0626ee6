package detect

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// nodeFramework finds out what starts an app that does not say so itself, nil where it does.
func (s *scan) nodeFramework(p pkg, app *NodeApp) (*NodeFramework, error) {
	f, err := s.wantedStatic(p)
	if err != nil || s.procfileWeb() {
		return nil, err
	}
	if f == nil && (p.scripts["start"] == "" || s.devServer(p)) {
		if f = s.framework(p); f == nil {
			f = s.unknownFramework(p, app)
		}
	}
	if f != nil && len(f.Output) > 0 {
		err = s.serveConfig(f)
	}
	return f, err
}

var procfileWeb = lazyregexp.New(`(?m)^web[ \t]*:`)

// procfileWeb reports whether the Procfile says how web is started.
func (s *scan) procfileWeb() bool {
	data, ok := s.readUpTo("Procfile", 256<<10)
	return ok && procfileWeb.Match(data)
}

// devServers are programs that serve an app to its developer, with the package that each is in.
var devServers = map[string]string{
	"vite": "vite", "ng": "@angular/cli", "react-scripts": "react-scripts", "vue-cli-service": "@vue/cli-service",
	"parcel": "parcel", "gatsby": "gatsby", "astro": "astro", "docusaurus": "@docusaurus/core",
	"vitepress": "vitepress", "eleventy": "@11ty/eleventy",
}

// devServer reports whether the start script runs a development server that is gone when the app starts,
// because it is a development dependency.
func (s *scan) devServer(p pkg) bool {
	words := strings.Fields(p.scripts["start"])
	for len(words) > 0 && strings.Contains(words[0], "=") {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	name := devServers[words[0]]
	f := s.framework(p)
	_, dev := p.devDeps[name]
	return name != "" && dev && s.prunes() && f != nil && len(f.Output) > 0
}

// prunes reports whether the build configuration lets development dependencies go.
func (s *scan) prunes() bool {
	for name, value := range s.env {
		switch strings.ToUpper(name) {
		case "NPM_CONFIG_PRODUCTION", "YARN_PRODUCTION", "YARN2_SKIP_PRUNING", "PNPM_SKIP_PRUNING":
			return false
		case "NODE_ENV":
			return value == "production"
		}
	}
	return true
}

// buildScript is the script that makes the app's output.
func (p pkg) buildScript() string {
	if script, ok := p.scripts["heroku-postbuild"]; ok {
		return script
	}
	return p.scripts["build"]
}

// has reports whether the app asks for any of the packages.
func (p pkg) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, dep := p.deps[name]
		_, dev := p.devDeps[name]
		return dep || dev
	})
}

// framework recognises a framework by the packages that the app asks for, nil for none.
func (s *scan) framework(p pkg) *NodeFramework {
	for _, known := range []func(pkg) *NodeFramework{s.serverFramework, s.siteFramework, s.spaFramework} {
		if f := known(p); f != nil {
			return f
		}
	}
	return nil
}

// served is an app that a framework's own program serves, which must be among the dependencies.
func served(p pkg, name, program, command string) *NodeFramework {
	if _, ok := p.deps[program]; ok {
		return &NodeFramework{Name: name, Web: command}
	}
	return &NodeFramework{Name: name, Hints: []string{fmt.Sprintf(
		"add %s to the dependencies, not the devDependencies: `%s` starts the app", program, command)}}
}

// serverFramework recognises frameworks with a server.
func (s *scan) serverFramework(p pkg) *NodeFramework {
	switch {
	case p.has("next") && nextExport.MatchString(s.config("next.config")):
		return &NodeFramework{Name: "Next.js", Output: []string{"out"}}
	case p.has("next"):
		return served(p, "Next.js", "next", "next start")
	case p.has("nuxt") && strings.Contains(p.buildScript(), "generate"):
		return &NodeFramework{Name: "Nuxt", Output: []string{".output/public", "dist"}}
	case p.has("nuxt") && strings.HasPrefix(strings.TrimLeft(p.deps["nuxt"], "^~=v "), "2"):
		return served(p, "Nuxt", "nuxt", "nuxt start")
	case p.has("nuxt"):
		return &NodeFramework{Name: "Nuxt", Web: "node .output/server/index.mjs"}
	case p.has("@sveltejs/kit"):
		return s.svelteKit(p)
	case p.has("astro"):
		return s.astro(p)
	case p.has("@react-router/dev", "@react-router/serve") && noSSR.MatchString(s.config("react-router.config")):
		return &NodeFramework{Name: "React Router", Output: []string{"build/client"}, SPA: true}
	case p.has("@react-router/dev", "@react-router/serve"):
		return served(p, "React Router", "@react-router/serve", "react-router-serve build/server/index.js")
	case p.has("@remix-run/serve", "@remix-run/dev") && p.has("vite"):
		return served(p, "Remix", "@remix-run/serve", "remix-serve build/server/index.js")
	case p.has("@remix-run/serve", "@remix-run/dev"):
		return served(p, "Remix", "@remix-run/serve", "remix-serve build/index.js")
	case p.has("@nestjs/core"):
		return &NodeFramework{Name: "Nest", Web: "node dist/main"}
	}
	return nil
}

func (s *scan) svelteKit(p pkg) *NodeFramework {
	dir := outputOf("", s.config("svelte.config"), svelteOut, "build")
	switch {
	case p.has("@sveltejs/adapter-node"):
		return &NodeFramework{Name: "SvelteKit", Web: "node " + dir}
	case p.has("@sveltejs/adapter-static"):
		return &NodeFramework{Name: "SvelteKit", Output: []string{dir}}
	}
	return &NodeFramework{Name: "SvelteKit", Hints: []string{
		"build a server: install @sveltejs/adapter-node and name it in svelte.config.js; `node build` then starts it",
		"or build static files, with @sveltejs/adapter-static",
	}}
}

func (s *scan) astro(p pkg) *NodeFramework {
	dir := outputOf(p.buildScript(), s.config("astro.config"), viteOut, "dist")
	switch {
	case p.has("@astrojs/node"): // which listens on the loopback address alone unless HOST says otherwise
		return &NodeFramework{Name: "Astro", Web: "HOST=0.0.0.0 node " + path.Join(dir, "server/entry.mjs")}
	case p.has("@astrojs/vercel", "@astrojs/netlify", "@astrojs/cloudflare"):
		return &NodeFramework{Name: "Astro", Hints: []string{
			"use the adapter @astrojs/node in astro.config.mjs: `node dist/server/entry.mjs` then starts the app",
		}}
	}
	return &NodeFramework{Name: "Astro", Output: []string{dir}}
}

// siteFramework recognises what makes the pages of a site.
func (s *scan) siteFramework(p pkg) *NodeFramework {
	script := p.buildScript()
	docs := func(dir string) []string {
		found := []string{path.Join(dir, "dist"), path.Join("docs", dir, "dist")}
		if m := outCommand.FindStringSubmatch(script); m != nil && inTree(m[1]) != "" {
			return []string{path.Join(inTree(m[1]), dir, "dist")}
		}
		return found
	}
	switch {
	case p.has("vitepress"):
		return &NodeFramework{Name: "VitePress", Output: docs(".vitepress")}
	case p.has("vuepress"):
		return &NodeFramework{Name: "VuePress", Output: docs(".vuepress")}
	case p.has("@docusaurus/core"):
		return &NodeFramework{Name: "Docusaurus", Output: []string{outputOf(script, "", viteOut, "build")}}
	case p.has("gatsby"):
		return &NodeFramework{Name: "Gatsby", Output: []string{"public"}}
	case p.has("@11ty/eleventy"):
		return &NodeFramework{Name: "Eleventy", Output: []string{outputOf(script, "", viteOut, "_site")}}
	}
	return nil
}

// spaFramework recognises what bundles an app of one page.
func (s *scan) spaFramework(p pkg) *NodeFramework {
	script := p.buildScript()
	spa := func(name string, dirs ...string) *NodeFramework {
		return &NodeFramework{Name: name, Output: dirs, SPA: true}
	}
	switch {
	case p.has("@angular/cli", "@angular/build", "@angular-devkit/build-angular"):
		return spa("Angular", s.angularOutput(p.name)...)
	case p.has("@vue/cli-service"):
		return spa("Vue CLI", outputOf(script, s.config("vue.config"), vueOut, "dist"))
	case p.has("react-scripts"):
		return spa("Create React App", "build")
	case p.has("parcel", "parcel-bundler") && strings.Contains(script, "parcel"):
		return spa("Parcel", outputOf(script, "", viteOut, "dist"))
	case p.has("vite", "rolldown-vite") && (s.isFile("index.html") || strings.Contains(script, "vite build")):
		return spa("Vite", outputOf(script, s.config("vite.config"), viteOut, "dist"))
	}
	return nil
}

// unknownFramework is an app of no framework: the root of a workspace, or one with a build script that may
// leave a site. It is nil where there is neither, and where a file at the root is the server.
func (s *scan) unknownFramework(p pkg, app *NodeApp) *NodeFramework {
	if app.ServerFile != "" {
		return nil
	}
	if len(app.Workspaces) > 0 && app.Workspace == nil {
		return &NodeFramework{Name: "workspace", Hints: s.memberHints(app)}
	}
	if strings.TrimSpace(p.buildScript()) == "" || app.Main != "" && app.Main != "index.js" { // npm init's own
		return nil
	}
	return &NodeFramework{Output: usualOutput}
}

// memberHints say how members of a workspace that have a start script can be started.
func (s *scan) memberHints(app *NodeApp) []string {
	start := map[string]string{
		"npm": "npm start -w %[1]s", "yarn": "yarn --cwd %[1]s start", "berry": "yarn --cwd %[1]s start",
		"pnpm": "pnpm --dir %[1]s start", "bun": "bun run --cwd %[1]s start",
	}[app.Manager]
	var hints []string
	for _, file := range app.Manifests {
		dir := path.Dir(file)
		if path.Base(file) != "package.json" || dir == "." || len(hints) == 3 {
			continue
		}
		if member, err := s.readPackage(file); err == nil && member.scripts["start"] != "" {
			hints = append(hints, fmt.Sprintf("to start %[1]s, add a Procfile with `web: "+start+"`", dir))
		}
	}
	if len(hints) == 0 {
		hints = []string{"give the member that serves the app a start script, and start it in a Procfile with `web: " +
			fmt.Sprintf(start, "MEMBER") + "`"}
	}
	return hints
}
