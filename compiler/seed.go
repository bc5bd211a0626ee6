package compiler

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"slugc/buildpacks/golang"
	"slugc/buildpacks/toolchain"
	"slugc/compiler/sandbox"
)

// seeding bounds how long compiling a standard library may take; a slow machine needs three
// minutes.
const seeding = 20 * time.Minute

// seeded returns the toolchains as the buildpacks see them, a Go of the store with its compiled
// standard library. A build without that is only slower: what goes wrong is said, and is no error
// unless the build is ended.
func (b *build) seeded(
	ctx context.Context,
	store *toolchain.Store,
	tools []toolchain.Toolchain,
	box *sandbox.Sandbox,
	base map[string]string,
	bind sandbox.Bind,
) ([]toolchain.Toolchain, error) {
	list := b.seen(tools, box, bind)
	for i, t := range tools {
		if t.Tool != "go" {
			continue
		}
		s := seeder{build: b, box: box, tool: list[i], store: bind, base: base}
		dir, err := store.Derived(ctx, t, s.seed("").Name, s.wait, s.compile)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			b.Report.Warn(
				fmt.Sprintf(
					"The standard library of Go %s is not compiled once for all builds, so this one takes longer: %v",
					t.Version,
					err,
				),
			)
		case dir != "":
			t.Dir = dir
			list[i].Derived = map[string]string{golang.SeedName: b.seen([]toolchain.Toolchain{t}, box, bind)[0].Dir}
		}
	}
	return list, nil
}

// seeder compiles one Go's standard library.
type seeder struct {
	*build
	box   *sandbox.Sandbox
	tool  toolchain.Toolchain // as the sandbox shows it
	store sandbox.Bind
	base  map[string]string
}

func (s seeder) seed(goCache string) golang.Seed {
	return golang.NewSeed(s.tool.Dir, goCache, s.Target.OS, s.Target.Arch, s.base)
}

func (s seeder) wait() {
	s.Report.Step(fmt.Sprintf("Waiting for another build to compile the standard library of Go %s", s.tool.Version))
}

// compile runs in the sandbox, with nothing of the app and without network: what it makes is for
// every app on this machine.
func (s seeder) compile(ctx context.Context, dir string) error {
	s.Report.Step(fmt.Sprintf("Compiling the standard library of Go %s, once on this machine", s.tool.Version))
	out := sandbox.Bind{Host: dir, Inside: "/build-cache", Writable: true}
	goCache := s.box.Path(out)
	seed := s.seed(goCache)
	env := maps.Clone(seed.Env)
	// in memory; at the levels that have no such thing, the sandbox puts a private directory in its
	// place
	env["HOME"] = "/tmp"
	var log bytes.Buffer
	err := s.box.Run(ctx, sandbox.Spec{
		Args: seed.Args, Dir: goCache, Env: sandbox.Environ(env), Binds: []sandbox.Bind{s.store, out},
		Stdout: &log, Stderr: &log, Limits: sandbox.Limits{Deadline: seeding, Log: 1 << 20},
	})
	if err != nil {
		if last := lastLine(log.String()); last != "" {
			return fmt.Errorf("%w: %s", err, last)
		}
		return err
	}
	s.mark("standard library")
	return nil
}

// lastLine is the last line that says something, cut to what fits in a message.
func lastLine(text string) string {
	text = strings.TrimSpace(strings.ToValidUTF8(text, ""))
	last := text[strings.LastIndexByte(text, '\n')+1:]
	return last[:min(len(last), 300)]
}
