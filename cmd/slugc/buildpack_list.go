package main

import (
	"cmp"
	"time"

	"github.com/spf13/cobra"

	"slugc/buildpacks"
	"slugc/buildpacks/reference"
	"slugc/cache"
	"slugc/cache/digest"
	"slugc/compiler/report"
)

// buildpackRow is one package of buildpacks, for people and scripts.
type buildpackRow struct {
	ID         string         `json:"id"`
	Version    string         `json:"version"`
	Kind       string         `json:"kind"` // "built-in", "cnb" or "classic"
	Ref        string         `json:"ref,omitempty"`
	Refs       []string       `json:"pinned,omitempty"` // all references that lead there
	Source     string         `json:"source,omitempty"`
	Digest     digest.Digest  `json:"digest,omitempty"`
	Size       int64          `json:"size,omitempty"` // bytes
	LastUsed   *time.Time     `json:"last_used,omitempty"`
	ConsistsOf []buildpackRow `json:"consists_of,omitempty"` // of a composite one
}

func (c *cli) buildpackListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the built-in buildpacks and those that were taken",
		Long: `Ls lists the buildpacks that are built in, and those of others that this machine keeps, what was last
used first: where each came from, the digest of its files and their size. Below a composite buildpack stands what
it consists of.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return c.withReferences(func(_ *cache.Home, store *reference.Store) error {
				kept, err := store.List()
				if err != nil {
					return err
				}
				rows := builtInRows()
				for _, k := range kept {
					rows = append(rows, rowOf(k))
				}
				return c.result(rows, listText(rows))
			})
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func builtInRows() (rows []buildpackRow) {
	for _, l := range buildpacks.Languages {
		rows = append(rows, buildpackRow{ID: l.ID, Version: l.Version, Kind: "built-in"})
	}
	return rows
}

// rowOf is a kept package as a row.
func rowOf(k reference.Kept) buildpackRow {
	row := memberRow(k.Buildpacks[0])
	used := k.Used.UTC().Round(time.Second)
	row.Ref, row.Refs, row.Source, row.Digest = k.Ref, k.Refs, k.Source, k.Digest
	row.Size, row.LastUsed = k.Size, &used
	for _, b := range k.Buildpacks[1:] {
		row.ConsistsOf = append(row.ConsistsOf, memberRow(b))
	}
	return row
}

func memberRow(b reference.Buildpack) buildpackRow {
	return buildpackRow{ID: b.ID, Version: b.Version, Kind: string(b.Kind)}
}

func listText(rows []buildpackRow) string {
	t := newTable("ID", "VERSION", "KIND", "DIGEST", "SIZE", "LAST USE", "FROM")
	for _, r := range rows {
		size, used := "", ""
		if r.LastUsed != nil {
			size, used = report.Bytes(r.Size), r.LastUsed.Format("2006-01-02 15:04")
		}
		t.row(r.ID, r.Version, r.Kind, r.Digest.Short(), size, used, cmp.Or(r.Source, r.Ref))
		for _, m := range r.ConsistsOf {
			t.row("  "+m.ID, m.Version, m.Kind)
		}
	}
	return t.String()
}
