package node

import (
	"fmt"

	"slugc/buildpacks/diagnosis"
)

// supply gives every variable that the app's files name a value, for the build and for the running app. A
// package manager would else refuse to start (Yarn), leave out the whole file, the registry in it included
// (pnpm 10), or send "${NPM_TOKEN}" as a token (npm, bun).
func (b *work) supply(files rc) error {
	for _, r := range files.used {
		if b.app.Manager == "berry" && r.file != ".yarnrc.yml" {
			continue
		}
		_, set := b.env.get(r.name)
		switch {
		case r.optional:
			// Only some package managers know these forms. The others take the whole of it for a name.
			b.env.fallback(r.written, r.value(b.env.get))
		case !set && r.registry:
			return registryUnset(r)
		case !set:
			b.Log.Warn("%s names %s, which is not set: it is empty. Set it in the build configuration.", r.file, r.name)
			b.env.fallback(r.name, "")
		}
	}
	for _, r := range files.used {
		if !r.optional {
			b.node.layer.LaunchEnvironment.Default(r.name, "")
		}
	}
	return nil
}

// registryUnset is the refusal of a registry whose address is not known. Package managers would ask their
// public one, where somebody else may have published a package by a private name.
func registryUnset(r reference) error {
	return &diagnosis.Diagnosis{
		ID:      "node/registry-unset",
		Summary: fmt.Sprintf("%s takes a registry from ${%s}, and %s is not set.", r.file, r.written, r.name),
		Place:   r.file,
		Hints: []string{
			fmt.Sprintf("set it in the build configuration: `--env %s=https://…`", r.name),
			"or write the address into " + r.file,
		},
	}
}
