package node

import (
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
	"slugc/detect"
	"slugc/detect/lazyregexp"
)

// KeepEnv is the variable of the build's configuration that keeps Node in a slug that would go without.
const KeepEnv = "SLUGC_NODE_AT_LAUNCH"

// callers are gems that run Node in the app, or may.
var callers = []string{"execjs", "react_on_rails", "react-rails", "hypernova-rails", "hypernova-ruby", "grover", "nodo",
	"schmooze", "node-runner", "puppeteer-ruby", "playwright-ruby-client", "mjml-rails", "mjml", "superglue"}

// nodeCall matches a command line that runs Node or what it brings.
var nodeCall = lazyregexp.New(`\b(?:node|nodejs|npm|npx|yarn|pnpm|pnpx|bun|bunx|corepack|node_modules)\b|` +
	`\bvite\s+ssr\b`)

// procfileScript matches a script of the app in a Procfile.
var procfileScript = lazyregexp.New(`(?:^|[\s:"'/])((?:bin|script|scripts|exe)/[\w./-]+)`)

// findBuildOnly finds out whether Node is there to compile the assets of a Rails app only: nothing that the
// running app starts, and no gem of it, calls Node.
func (b *work) findBuildOnly() error {
	if !b.assisting || b.app == nil {
		return nil
	}
	if value := b.CNB.Platform.Environment[KeepEnv]; value != "" && value != "false" && value != "0" {
		return nil
	}
	found, err := b.Inspect(detect.ForRuby)
	app, ok := found.App.(*detect.RubyApp)
	if err != nil || !ok || app.Kind != "rails" {
		return nil // what is wrong with it, its own buildpack says
	}
	for _, gem := range callers {
		if app.HasGem(gem) {
			return nil
		}
	}
	starts, err := tree.ReadIn(b.Dir, "Procfile", maxManifest)
	if err == nil && nodeCall.Match(starts) {
		return nil
	}
	for _, m := range procfileScript.FindAllStringSubmatch(string(starts), -1) {
		if script, err := tree.ReadIn(b.Dir, m[1], maxManifest); err == nil && nodeCall.Match(script) {
			return nil
		}
	}
	b.buildOnly = true
	return nil
}

// everywhere are the types of the layers of Node and its package manager.
func (b *work) everywhere() libcnb.LayerTypes {
	if b.buildOnly {
		return libcnb.LayerTypes{Build: true, Cache: true}
	}
	return language.Everywhere
}

// leaveOut tells the buildpack that the trees are for to remove them, where the running app does not need them.
func (b *work) leaveOut() {
	b.Log.Detail("Node.js and node_modules are not in the slug: only compiling assets needs them. %s=true keeps them.",
		KeepEnv)
	layer := b.Contributed(b.node.layer.Name)
	layer.BuildEnvironment.Override(extension.BuildOnlyEnv, strings.Join(b.deps.paths, ":"))
	b.Contribute(*layer, layer.LayerTypes)
}
