package compiler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"slugc/buildpacks"
	"slugc/buildpacks/toolchain"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/report"
	"slugc/compiler/sandbox"
	"slugc/compiler/slug"
)

// fetchTools fetches the toolchains that the group asks for. For some tools an app that names no
// version stays on the version of its last build while that can be fetched: a new release of the
// language must not change an app that nobody touched. Where a version is a minimum and cannot be had, a newer
// one serves. The limit of a buildpack's time counts here too.
func (b *build) fetchTools(
	ctx context.Context, lease *toolchain.Lease, group Group,
) ([]toolchain.Toolchain, error) {
	if limit := b.Limits.Deadline; limit > 0 {
		late := &sandbox.LimitError{Which: sandbox.LimitDeadline, Limit: limit}
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, limit, late)
		defer cancel()
	}
	wanted := buildpacks.Requests(group.Chosen)
	sticky := buildpacks.Sticky(wanted, b.lastVersions())
	tools, err := lease.Ensure(ctx, sticky)
	if gone, ok := errors.AsType[*toolchain.Unavailable](err); ok && gone.From == buildpacks.FromLastBuild {
		b.Report.Detail(gone.Error())
		tools, err = lease.Ensure(ctx, wanted)
	}
	if gone, ok := errors.AsType[*toolchain.Unavailable](err); ok && gone.NotFound() {
		if newer, ok := group.newer(gone.Tool); ok {
			b.Report.Warn(fmt.Sprintf("%v; the newest is used instead", gone))
			tools, err = lease.Ensure(ctx, buildpacks.Sticky(buildpacks.Requests(newer.Chosen), b.lastVersions()))
		}
	}
	_, missing := errors.AsType[*toolchain.Unavailable](err)
	if missing && b.network(group.Described) == lifecycle.NoNetwork {
		return nil, fault.New(fault.Slugc, 0, "toolchain/unavailable", err,
			"the build has no network (--network none): one with it keeps the toolchain for those without")
	}
	if err != nil {
		return nil, toolchainFault(err)
	}
	b.clock.mark("toolchains")
	return tools, nil
}

// lastVersions are the versions of the last successful build, by tool.
func (b *build) lastVersions() map[string]string {
	last, ok := lastResult(b.app().Record())
	if !ok {
		return nil
	}
	versions := map[string]string{}
	for _, r := range last.Runtimes {
		versions[r.Name] = r.Version
	}
	return versions
}

// runtimes lists toolchains for people and the slug.
func runtimes(tools []toolchain.Toolchain) []slug.Runtime {
	list := make([]slug.Runtime, len(tools))
	for i, t := range tools {
		list[i] = slug.Runtime{Name: t.Tool, Version: t.Version, Source: t.Source, Requested: t.Requested, From: t.From}
	}
	return list
}

// progress passes the toolchain store's reports on.
type progress struct{ r report.Reporter }

func (p progress) Fetch(tool, version string, done, total int64) {
	p.r.Progress("fetching "+tool+" "+version, done, total)
}

func (p progress) Note(line string) { p.r.Detail(line) }

// toolchainFault adds whose fault a missing toolchain is. A version that exists nowhere, cannot be
// read or is pinned to other bytes is the app's fault; a source that cannot be reached is nobody's.
func toolchainFault(err error) error {
	if _, trouble := disk.TroubleOf(err); trouble {
		return err
	}
	if late, ok := errors.AsType[*sandbox.LimitError](err); ok {
		if err == error(late) {
			err = fmt.Errorf("fetching toolchains: %w", err)
		}
		return fault.TransientError("toolchain/unavailable", err, "`slugc doctor` says which sources can be reached",
			"raise the limit with --timeout if the network is only slow")
	}
	if wrong, ok := errors.AsType[*toolchain.ConstraintError](err); ok {
		return fault.AppError("toolchain/version-invalid", err, fmt.Sprintf("write a version of %s that exists in %s",
			wrong.Tool, cmp.Or(wrong.From, "the build configuration")))
	}
	if wrong, ok := errors.AsType[*toolchain.HashError](err); ok {
		return fault.AppError("toolchain/hash-mismatch", err, pinHints(wrong)...)
	}
	if _, damaged := errors.AsType[*toolchain.DamagedError](err); damaged {
		return fault.TransientError("toolchain/damaged", err,
			"build again where its source can be reached: `slugc doctor` says which can")
	}
	u, ok := errors.AsType[*toolchain.Unavailable](err)
	switch {
	case !ok:
		return err
	case u.Transient():
		return fault.TransientError("toolchain/unavailable", err, "`slugc doctor` says which sources can be reached")
	case u.NotFound():
		return fault.AppError("toolchain/no-such-version", err,
			fmt.Sprintf("ask for a version of %s that exists (%s says %q)", u.Tool, u.From, u.Constraint))
	}
	return fault.New(fault.Slugc, 0, "toolchain/unavailable", err, "`slugc doctor` says which sources can be used")
}

// pinHints say what to do about a pin that the npm registry's file does not have. Of Yarn 2 and newer the
// registry's file need not be the one that was pinned: nothing here can tell a wrong pin from one of another file.
func pinHints(wrong *toolchain.HashError) []string {
	from := cmp.Or(wrong.From, "the pin")
	use := fmt.Sprintf("run `corepack use %s@%s`", wrong.Tool, wrong.Version)
	if wrong.Tool != "yarn" || strings.HasPrefix(wrong.Version, "1.") {
		return []string{use + " and commit what it writes, or leave the digest out of " + from}
	}
	return []string{
		"corepack takes Yarn from its authors' site, slugc from the npm registry, and of few versions the two " +
			"differ: slugc cannot check a pin of the other file",
		use + ": if it writes another pin, commit that one",
		"if it writes the same one, name another version, commit Yarn itself (yarnPath), or leave the digest out of " +
			from,
	}
}
