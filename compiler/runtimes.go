package compiler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"slugc/buildpacks"
	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/sandbox"
)

// runtimeMaker makes what the apps of the group's languages run on, once for all apps of the machine: by the
// buildpacks' own programs, in a sandbox without network and without anything of an app.
type runtimeMaker struct {
	precompiler
	members []lifecycle.Member
	known   map[string]language.Runtime // by the name of the layer, of the group's buildpacks
	tools   map[string]toolchain.Toolchain
	shown   map[string]toolchain.Toolchain // as buildpacks see them
}

// newRuntimes prepares the runtimes of a group. tools and shown are the same toolchains, as this process
// and as buildpacks see them.
func newRuntimes(pre precompiler, group Group, tools, shown []toolchain.Toolchain) *runtimeMaker {
	r := &runtimeMaker{precompiler: pre, members: group.Members, known: map[string]language.Runtime{},
		tools: byName(tools), shown: byName(shown)}
	for _, chosen := range group.Chosen {
		if l, _ := buildpacks.For(chosen.Language); l.Runtime != nil && r.tools[l.Runtime.Tools[0]].Dir != "" {
			r.known[extension.LayerName(l.ID, l.Runtime.Layer)] = *l.Runtime
		}
	}
	return r
}

func byName(tools []toolchain.Toolchain) map[string]toolchain.Toolchain {
	all := map[string]toolchain.Toolchain{}
	for _, t := range tools {
		all[t.Tool] = t
	}
	return all
}

// early returns the runtimes that are known before the build, by layer, and removes those from the known
// ones that cannot be provided: their toolchain is not in the store.
func (r *runtimeMaker) early(ctx context.Context) (map[string]lifecycle.Runtime, error) {
	all := map[string]lifecycle.Runtime{}
	for _, m := range r.members {
		for name, runtime := range r.known {
			if _, own := extension.LayerOf(m.Info.ID, name); !own || runtime.Parts != nil {
				continue
			}
			made, err := r.derive(ctx, m, runtime, nil)
			if err != nil {
				return nil, err
			}
			if all[name] = made; made.Dir == "" {
				delete(all, name)
				delete(r.known, name)
			}
		}
	}
	return all, nil
}

// provided lists the layers that are provided.
func (r *runtimeMaker) provided() (names []string) {
	for name := range r.known {
		names = append(names, name)
	}
	return names
}

// late returns the runtime that a layer asks for by its metadata, after its buildpack has run.
func (r *runtimeMaker) late(
	ctx context.Context, m lifecycle.Member, layer string, metadata map[string]any,
) (lifecycle.Runtime, error) {
	runtime, ok := r.known[extension.LayerName(m.Info.ID, layer)]
	if !ok || runtime.Parts == nil {
		return lifecycle.Runtime{}, nil
	}
	parts, ok := runtime.Parts(metadata)
	if !ok {
		return lifecycle.Runtime{}, nil
	}
	return r.derive(ctx, m, runtime, parts)
}

// derive returns a runtime from the store, and makes it where the store lacks it.
func (r *runtimeMaker) derive(
	ctx context.Context, m lifecycle.Member, runtime language.Runtime, parts []string,
) (lifecycle.Runtime, error) {
	tool := r.tools[runtime.Tools[0]]
	what := fmt.Sprintf("runtime of %s %s", m.Info.Name, tool.Version)
	waiting := func() { r.report.Step("Waiting for another build to make the " + what) }
	order := runtime.Reduced(language.Order{Tools: r.shown, Arch: r.arch, Parts: parts})
	dir, err := r.lease.Derived(ctx, tool, runtime.Name(order), waiting, func(ctx context.Context, dir string) error {
		r.report.Progress("making the "+what, 0, 0)
		return r.make(ctx, m, order, dir)
	})
	if ctx.Err() != nil {
		return lifecycle.Runtime{}, context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("making the %s: %w", what, err)
		if limit, ended := errors.AsType[*sandbox.LimitError](err); ended {
			err = limit.Fault(err)
		}
		if _, ended := errors.AsType[*sandbox.ExitError](err); ended && !errors.Is(err, fs.ErrPermission) {
			err = fault.New(fault.Slugc, fault.ExitBuildpack, "buildpack/broke", err, "its output above says more")
		}
		return lifecycle.Runtime{}, err
	}
	return lifecycle.Runtime{Dir: dir, Key: r.lease.Digest(dir).String()}, nil
}

// make runs the buildpack's bin/runtime, which fills dir.
func (r *runtimeMaker) make(ctx context.Context, m lifecycle.Member, order language.Order, dir string) error {
	text, err := json.Marshal(order)
	if err != nil {
		return err
	}
	out := sandbox.Bind{Host: dir, Inside: "/runtime", Writable: true}
	buildpack := sandbox.Bind{Host: m.Dir, Inside: "/cnb/buildpacks/" + m.Escaped()}
	var log bytes.Buffer
	both := io.MultiWriter(&log, r.output(m.Info.ID))
	err = r.box.Run(ctx, sandbox.Spec{
		Args: []string{filepath.Join(r.box.Path(buildpack), "bin", "runtime"), string(text), r.box.Path(out)},
		Dir:  r.box.Path(out),
		Env: command.Environ(map[string]string{
			"PATH": r.env["PATH"], "LANG": r.env["LANG"], "TZ": r.env["TZ"],
			"SOURCE_DATE_EPOCH": r.env["SOURCE_DATE_EPOCH"],
			"HOME":              "/tmp", "CNB_BUILDPACK_DIR": r.box.Path(buildpack),
		}),
		Binds:  []sandbox.Bind{r.bind, r.self, buildpack, out},
		Stdout: both, Stderr: both, Limits: r.limits,
	})
	r.clock.mark("runtime")
	return withLastLine(err, log.String())
}
