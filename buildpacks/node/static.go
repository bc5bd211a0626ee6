package node

import (
	"fmt"
	"path/filepath"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/buildpacks/shell"
	static "slugc/buildpacks/toolchain/node"
	"slugc/buildpacks/tree"
	"slugc/detect"
)

// site returns the web process that serves what the build has left.
func (b *work) site(f *detect.NodeFramework) (webProcess, error) {
	for _, dir := range f.Output {
		if tree.IsFile(b.Path(dir + "/index.html")) {
			return webProcess{static: true, dir: dir}, nil
		}
	}
	if b.HasProcfile() && !f.Wanted {
		return webProcess{}, nil
	}
	d := &diagnosis.Diagnosis{
		ID:    "node/no-start-script",
		Place: "package.json",
		Summary: fmt.Sprintf(
			"Nothing says how to start this app: package.json has no start script, and the build left "+
				"no index.html in %s.",
			strings.Join(f.Output, ", "),
		),
		Hints: []string{
			"if it is a static site, name the directory that its build writes in package.json: " +
				"`\"slugc\": { \"static\": { \"dir\": \"dist\", \"spa\": true } }`",
			"else add a start script, such as `\"start\": \"node dist/app.js\"`",
		},
	}
	if !b.hasBuildScripts() {
		d.Hints = append([]string{"add the script that builds the site to package.json as \"build\""}, d.Hints...)
	}
	return webProcess{}, d
}

// staticSite puts the server of static files into a layer of its own and returns the command that serves a
// directory with it.
func (b *work) staticSite(w webProcess) (string, error) {
	tools, err := b.tools()
	if err != nil {
		return "", err
	}
	tool, ok := tools[static.StaticServer]
	if !ok {
		return "", fmt.Errorf("serving %s: no toolchain %s was provided", w.dir, static.StaticServer)
	}
	layer, err := b.Layer("static-server")
	if err != nil {
		return "", err
	}
	want := map[string]any{"layout": layout, "version": tool.Version, "source": tool.Source, "digest": tool.Digest}
	if !language.Same(layer.Metadata, want) || !tree.IsProgram(filepath.Join(layer.Path, "bin/sirv")) {
		if layer, err = layer.Reset(); err == nil {
			own := tree.Options{Skip: func(rel string) bool { return rel == "toolchain.json" }}
			err = tree.Copy(tool.Dir, layer.Path, own)
		}
		if err != nil {
			return "", fmt.Errorf("installing %s: %w", static.StaticServer, err)
		}
	}
	layer.Metadata = want
	b.Contribute(layer, language.Everywhere)
	b.server = tool.Version
	f := b.app.Framework
	command := "sirv " + shell.Argument(w.dir) + " --host 0.0.0.0 --maxage 0 --no-clear"
	unknown := "a path without a file is not found; slugc.static.spa in package.json changes that"
	if f.SPA {
		command += " --single"
		unknown = "a path without a file is answered with index.html"
	}
	b.Log.Step("Serving static files")
	what := w.dir
	if f.Name != "" {
		what = f.Name + "'s output " + what
	}
	b.Log.Detail("Serving %s with sirv %s: %s", what, tool.Version, unknown)
	if b.dropsTrees() {
		b.Log.Detail("node_modules is left out of the slug: no process needs it")
	}
	return command, nil
}

// dropsTrees reports whether the slug needs no dependency trees: files alone are served, and no Procfile starts
// anything else.
func (b *work) dropsTrees() bool {
	f := b.app.Framework
	return !b.assisting && f != nil && f.Web == "" && len(f.Output) > 0 && !b.HasProcfile() &&
		(f.Wanted || b.serverFile() == "")
}
