package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
)

// tools returns the toolchains by name: those that the platform fetched, and under a platform that
// fetches none, the buildpack's own.
func (b *work) tools() (map[string]toolchain.Toolchain, error) {
	tools, err := b.Toolchains()
	if err != nil {
		return nil, err
	}
	var missing []toolchain.Request
	for _, want := range b.requires {
		checkedIn := want.Tool == "yarn" && b.app != nil && b.app.YarnPath != ""
		if _, ok := tools[want.Tool]; !ok && !checkedIn {
			missing = append(missing, language.Request(want))
		}
	}
	if len(b.requires) == 0 && tools["node"].Dir == "" {
		missing = append(missing, language.RequestFor("node", nil))
	}
	// Node comes first: its npm knows the registry that the others come from.
	if i := slices.IndexFunc(missing, func(r toolchain.Request) bool { return r.Tool == "node" }); i > 0 {
		missing = slices.Insert(slices.Delete(slices.Clone(missing), i, i+1), 0, missing[i])
	}
	path := b.env.vars["PATH"]
	settings := toolchain.Settings{
		OS: b.CNB.TargetInfo.OS, Arch: b.CNB.TargetInfo.Arch, AllowWide: b.env.enabled("NODEJS_ALLOW_WIDE_RANGE"),
		NpmRegistry: func(ctx context.Context) (string, error) { return b.registry(ctx, path) },
	}
	for _, want := range missing {
		got, err := b.Fetch("toolchains", settings, want)
		if err != nil {
			return nil, err
		}
		if want.Tool == "node" {
			path = command.Before(path, filepath.Join(got.Dir, "bin"))
		}
		tools[want.Tool] = got
	}
	return tools, nil
}

// registry returns where packages come from: as configured, else as the npm on path has it.
func (b *work) registry(ctx context.Context, path string) (string, error) {
	if registry, ok := b.env.get("npm_config_registry"); ok && registry != "" {
		return registry, nil
	}
	npm := command.Look(path, "npm")
	if npm == "" {
		return "", errors.New("npm_config_registry is not set, and there is no npm to ask")
	}
	var out bytes.Buffer
	_, err := b.Log.Run(ctx, command.Command{
		Program: npm, Args: []string{"config", "get", "registry"}, Shown: "npm config get registry",
		Dir: b.inProject("."), Env: append(b.env.vars.List(), "PATH="+path), Stdout: &out, Quiet: true,
	})
	if err != nil {
		return "", fmt.Errorf("asking npm for the registry: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}
