package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"slugc/cache/digest"
	"slugc/cmd/slugc/safetext"
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
			return c.result(doc, safetext.Clean(describe(m, largest)))
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

func describe(m *slug.Manifest, largest []slug.DirSize) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "format\t%d, for %s\n", m.Format, m.Target)
	fmt.Fprintf(w, "content\t%s\n", m.Content)
	fmt.Fprintln(w, "\nSECTION\tIN THE SLUG\tUNPACKED\tENTRIES\tDIGEST")
	for _, s := range m.Sections {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", s.Name, report.Bytes(s.Size), report.Bytes(s.Tar), s.Entries,
			s.Digest.Short())
	}
	fmt.Fprintln(w, "\nPROCESS TYPE\tCOMMAND")
	for _, p := range m.ProcessTypes {
		fmt.Fprintf(w, "%s\t%s\n", p.Type, p.Command)
	}
	fmt.Fprintln(w, "\nRUNTIME\tVERSION\tSOURCE\tASKED FOR BY")
	for _, r := range m.Runtimes {
		asked := r.From
		if r.Requested != "" {
			asked = fmt.Sprintf("%s (%s)", r.From, r.Requested)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Name, r.Version, r.Source, asked)
	}
	fmt.Fprintln(w, "\nBUILDPACK\tVERSION\tCHOSEN BECAUSE")
	for _, p := range m.Buildpacks {
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.ID, p.Version, strings.Join(p.Reasons, ", "))
	}
	fmt.Fprintln(w, "\nLARGEST DIRECTORY\tUNPACKED")
	for _, d := range largest {
		fmt.Fprintf(w, "%s\t%s\n", d.Path, report.Bytes(d.Size))
	}
	_ = w.Flush()
	return b.String()
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
