package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"slugc/cache/digest"
	"slugc/compiler/abi"
	"slugc/compiler/report"
	"slugc/compiler/slug"
)

func (c *cli) inspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what is in a slug",
		Long: `Inspect shows a slug's sections and their sizes, its process types, runtimes, buildpacks and largest
directories. Nothing is unpacked.`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := slug.Inspect(args[0])
			if err != nil {
				return err
			}
			largest, err := slug.Largest(cmd.Context(), args[0], 10)
			if err != nil {
				return err
			}
			doc := struct {
				*slug.Manifest
				Largest []slug.DirSize `json:"largest"`
			}{m, largest}
			return c.result(doc, describe(m, largest))
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func describe(m *slug.Manifest, largest []slug.DirSize) string {
	t := newTable("format", fmt.Sprintf("%d, for %s", m.Format, m.Target))
	t.row("content", m.Content)
	if m.Directory != "" {
		t.row("directory", m.Directory)
	}
	if len(m.Mounts) > 0 {
		t.row("mounts", strings.Join(m.Mounts, ", "))
	}
	t.row()
	t.row("SECTION", "IN THE SLUG", "UNPACKED", "ENTRIES", "DIGEST")
	for _, s := range m.Sections {
		t.row(s.Name, report.Bytes(s.Size), report.Bytes(s.Tar), s.Entries,
			s.Digest.Short())
	}
	t.row()
	t.row("PROCESS TYPE", "COMMAND")
	for _, p := range m.ProcessTypes {
		t.row(p.Type, p.Command)
	}
	t.row()
	t.row("RUNTIME", "VERSION", "SOURCE", "ASKED FOR BY")
	for _, r := range m.Runtimes {
		asked := r.From
		if r.Requested != "" {
			asked = fmt.Sprintf("%s (%s)", r.From, r.Requested)
		}
		t.row(r.Name, r.Version, r.Source, asked)
	}
	t.row()
	describeBuildpacks(t, m.Buildpacks)
	describeABI(t, m.ABI)
	t.row()
	t.row("LARGEST DIRECTORY", "UNPACKED")
	for _, d := range largest {
		t.row(d.Path, report.Bytes(d.Size))
	}
	return t.String()
}

// describeBuildpacks lists the buildpacks, with the digests of those that are not built in.
func describeBuildpacks(t *table, list []slug.Buildpack) {
	heads := []any{"BUILDPACK", "VERSION", "CHOSEN BECAUSE"}
	foreign := slices.ContainsFunc(list, func(p slug.Buildpack) bool { return p.Digest != "" })
	if foreign {
		heads = append(heads, "DIGEST", "SOURCE")
	}
	t.row(heads...)
	for _, p := range list {
		cells := []any{p.ID, p.Version, strings.Join(p.Reasons, ", ")}
		if foreign {
			cells = append(cells, p.Digest.Short(), p.Source)
		}
		t.row(cells...)
	}
}

// describeABI lists what a slug needs of a machine. What no process type is sure to need has none beside it.
func describeABI(t *table, r *abi.Record) {
	if r == nil {
		return
	}
	t.row()
	t.row("NEEDS OF THE MACHINE", "", "FOR", "FILE")
	for _, n := range r.Needs {
		t.row(n.Kind, n.Name, cmp.Or(strings.Join(n.Types, ", "), "if it is used"), n.File)
	}
}

// short returns the first twelve digits of a commit.
func short(commit string) string { return commit[:min(len(commit), 12)] }

func (c *cli) verifyCommand() *cobra.Command {
	var want string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check every byte of a slug",
		Long: `Verify recomputes every checksum and digest that a slug states, checks the form of its archive, and
prints the file's digest.`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := slug.Verify(cmd.Context(), args[0], digest.Digest(want))
			if err != nil {
				return err
			}
			is, size, err := digest.File(args[0])
			if err != nil {
				return err
			}
			doc := map[string]any{"digest": is, "size": size, "content": v.Content, "sections": len(v.Sections)}
			return c.result(doc, is.String())
		},
	}
	cmd.Flags().StringVar(&want, "digest", "", "the digest the file must have (sha256:…)")
	c.jsonFlag(cmd)
	return cmd
}

func (c *cli) unpackCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unpack FILE DIR",
		Short: "Unpack a slug's app into a new directory",
		Long: `Unpack writes the slug's ./app into DIR, which must be missing or empty. Every byte is verified on the
way.`,
		Args: usageArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.unpack(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			return c.ui.result(args[1])
		},
	}
}
