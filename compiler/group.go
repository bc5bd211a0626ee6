package compiler

import (
	"context"
	"fmt"
	"os"
	"strings"

	"slugc/buildpacks"
	"slugc/compiler/lifecycle"
	"slugc/compiler/procfile"
	"slugc/compiler/slug"
	"slugc/detect"
)

// Group is the buildpacks that build the app, and what was learned about it.
type Group struct {
	Members  []lifecycle.Member
	Chosen   []detect.Result     // the detectors' results, one for each built-in member, in that order
	Why      map[string][]string // what speaks for each buildpack, by its id
	Taken    map[string]Taken    // where the buildpacks that are not built in come from, by id
	Procfile []procfile.Process  // of the source; none without a Procfile
	Described
}

// foreign reports whether the group has a buildpack that is not built in.
func (g Group) foreign() bool { return len(g.Taken) > 0 }

// mounts lists where the app must be seen when it runs: what a foreign buildpack has written may hold these paths.
func (g Group) mounts() []string {
	if !g.foreign() {
		return nil
	}
	return []string{lifecycle.AppMount, lifecycle.WorkspaceMount, lifecycle.LayersMount}
}

// group chooses the buildpacks until ctx ends: those that were asked for, else those of the language detected.
func (b *build) group(ctx context.Context, staged Staged) (Group, error) {
	root, err := os.OpenRoot(staged.Tree.Root)
	if err != nil {
		return Group{}, fmt.Errorf("opening the copy of the source: %w", err)
	}
	defer root.Close()
	described, err := b.describe(ctx, root.FS(), staged.Member)
	if err != nil {
		return Group{}, err
	}
	named, err := b.named(staged, described)
	if err != nil {
		return Group{}, err
	}
	var group Group
	if named.any() {
		group, err = b.listed(ctx, root, staged, described, named)
	} else if err = b.leaveOut(root, staged, described); err == nil {
		group, err = b.detected(ctx, root.FS(), staged, described)
	}
	if err != nil {
		return Group{}, err
	}
	group.Described = described
	if group.Procfile, err = b.readProcfile(staged.Tree.Root, staged.Member, true); err != nil {
		return Group{}, err
	}
	for _, name := range Misnamed(root.FS(), staged.Member) {
		b.Report.Warn(MisnamedText(name))
	}
	b.tellOfGroup(&group)
	return group, nil
}

// tellOfGroup passes on to built-in buildpacks what they must know of their place in the group.
func (b *build) tellOfGroup(g *Group) {
	for _, r := range g.Chosen {
		l, _ := buildpacks.For(r.Language)
		for i := range g.Members {
			if g.Members[i].Info.ID != l.ID || !g.Members[i].BuiltIn {
				continue
			}
			for _, m := range buildpacks.MetadataOf(r) {
				g.Members[i].SetMetadata(m.Entry, m.Key, m.Value)
			}
		}
	}
}

// announce reports what was detected and why.
func (b *build) announce(r detect.Result) {
	why := strings.Join(reasonsFor(r), ", ")
	b.Report.Step(fmt.Sprintf("%s app detected (%s)", buildpacks.Title(r.Language), why))
	for _, w := range r.Warnings {
		b.Report.Warn(w)
	}
}

// buildpacks lists the buildpacks for people and the slug.
func (g Group) buildpacks() []slug.Buildpack {
	list := make([]slug.Buildpack, len(g.Members))
	for i, m := range g.Members {
		taken := g.Taken[m.Info.ID] // none of a built-in one
		list[i] = slug.Buildpack{
			ID: m.Info.ID, Version: m.Info.Version, Reasons: g.Why[m.Info.ID],
			Source: taken.source(), Digest: taken.Digest,
		}
	}
	return list
}
