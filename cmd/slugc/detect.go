package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"slugc/buildpacks"
	"slugc/cmd/slugc/safetext"
	"slugc/compiler"
	"slugc/compiler/source"
	"slugc/detect"
)

// detection is `slugc detect --json`'s document.
type detection struct {
	Candidates []candidate     `json:"candidates"`
	Group      []detect.Result `json:"group"`
	// Directory is the app's in what a build stages, and With are the directories besides that it uses there; both
	// are relative to the repository.
	Directory string   `json:"directory,omitempty"`
	With      []string `json:"with,omitempty"`
	// Named are the buildpacks that a file of the app names, which build it instead of the group.
	Named     []string `json:"named,omitempty"`
	NamedFrom string   `json:"named_from,omitempty"`
}

type candidate struct {
	detect.Result
	Error string `json:"error,omitempty"` // the tree is of this language but broken
	ID    string `json:"id,omitempty"`
}

func (c *cli) detectCommand() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "detect [DIR]",
		Short: "Say what an app is, which buildpacks would build it, and why",
		Long: `Detect prints every detector's verdict with its reasons, then the chosen group, or the buildpacks
that a file of the app names. It only reads files: nothing is built, fetched or changed.`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := c.sourceSpec(f, args)
			if err != nil {
				return err
			}
			more, err := c.readEnv("env", f.envFile, f.env)
			if err != nil {
				return err
			}
			ctx, end := compiler.Bounded(cmd.Context(), f.timeout)
			files, taken, done, err := c.detectable(ctx, spec)
			if err != nil {
				return end("reading the source", err)
			}
			defer done()
			member := ""
			if taken != nil {
				member = taken.In()
			}
			verdicts, chosen, err := compiler.Detect(ctx, files, member, c.buildEnv(more))
			doc := detection{Group: chosen}
			errNamed := c.addNamed(ctx, &doc, files, member)
			err = end("detecting the language", cmp.Or(errNamed, err))
			for _, name := range compiler.Misnamed(files, member) {
				c.ui.Warn(compiler.MisnamedText(name))
			}
			if errNamed != nil {
				return err
			}
			return c.printDetection(doc, taken, verdicts, err)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.ref, "ref", "", "look at this git revision instead of the working directory")
	f.sourceFlags(flags)
	flags.StringArrayVarP(&f.env, "env", "e", nil, "build configuration `K=V`")
	flags.StringVar(&f.envFile, "env-file", "", "read build configuration from this file")
	flags.DurationVar(&f.timeout, "timeout", deadline, "how long reading the source and detecting may take")
	c.jsonFlag(cmd)
	return cmd
}

// detectable returns the source as a build would see it, until done is called. Of a directory nothing is copied or
// read yet; other sources are staged in a temporary directory.
func (c *cli) detectable(
	ctx context.Context, spec source.Spec,
) (files fs.FS, taken *detect.Selection, done func(), err error) {
	tmp := ""
	if spec.Kind != source.Dir {
		if tmp, err = os.MkdirTemp("", "slugc-detect-*"); err != nil {
			return nil, nil, nil, fmt.Errorf("making a temporary directory: %w", err)
		}
	}
	spec.Temp, spec.Select = filepath.Join(tmp, "incoming"), compiler.SelectMember(ctx)
	src, err := source.Open(ctx, spec, source.Options{Listing: spec.Kind == source.Dir})
	var staged *os.Root
	done = func() {
		_ = src.Close()
		if staged != nil {
			_ = staged.Close()
		}
		if tmp != "" {
			_ = os.RemoveAll(tmp)
		}
	}
	switch {
	case err != nil:
	case tmp == "":
		files, err = src.View()
	default:
		if staged, err = stageIn(ctx, src, filepath.Join(tmp, "app")); err == nil {
			files = staged.FS()
		}
	}
	if err != nil {
		done()
		return nil, nil, nil, err
	}
	if line := src.LeftOut(); line != "" {
		c.ui.Detail(line)
	}
	return files, src.Selection(), done, nil
}

// stageIn stages a source in dir and opens that.
func stageIn(ctx context.Context, src *source.Source, dir string) (*os.Root, error) {
	if _, err := src.Stage(ctx, dir); err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}

// addNamed adds the buildpacks that a file of the app names.
func (c *cli) addNamed(ctx context.Context, doc *detection, files fs.FS, member string) error {
	d, err := compiler.Describe(ctx, files, member)
	if err != nil {
		return err
	}
	for _, w := range d.Warnings {
		c.ui.Warn(w)
	}
	doc.Named, doc.NamedFrom = d.Names(), d.From
	return nil
}

func (c *cli) printDetection(
	doc detection, taken *detect.Selection, verdicts []detect.Verdict, err error,
) error {
	var text strings.Builder
	if taken != nil {
		doc.Directory = taken.Member
		doc.With = slices.DeleteFunc(slices.Clone(taken.Dirs), func(dir string) bool { return dir == taken.Member })
		fmt.Fprintf(&text, "%s\n\n", safetext.Cell(taken.Text()))
	}
	for _, v := range verdicts {
		one := candidate{Result: v.Result}
		if v.Err != nil {
			one.Error = v.Err.Error()
			if e, ok := errors.AsType[*detect.Error](v.Err); ok {
				one.ID = e.ID
			}
		}
		doc.Candidates = append(doc.Candidates, one)
		one.print(&text)
	}
	if doc.NamedFrom != "" {
		named := safetext.Cell(strings.Join(doc.Named, ", "))
		fmt.Fprintf(&text, "\nbuildpacks named in %s: %s\n", doc.NamedFrom, named)
		return c.result(doc, text.String())
	}
	if err != nil {
		if none, ok := errors.AsType[*detect.NoMatch](err); ok {
			text.Reset()
			text.WriteString(none.Text())
		}
		if !c.asJSON {
			if printed := c.ui.result(text.String()); printed != nil {
				return printed
			}
		}
		return err
	}
	var group []string
	for _, r := range doc.Group {
		group = append(group, "slugc/"+string(r.Language))
	}
	fmt.Fprintf(&text, "\ngroup: %s\n", strings.Join(group, ", "))
	if len(doc.Named) > 0 {
		fmt.Fprintf(&text, "with, before or after it: %s\n", safetext.Cell(strings.Join(doc.Named, ", ")))
	}
	return c.result(doc, text.String())
}

func (c candidate) print(w io.Writer) {
	verdict := "no  "
	switch {
	case c.Error != "":
		verdict = "bad "
	case c.Pass:
		verdict = "yes "
	}
	fmt.Fprintf(w, "%s %s\n", verdict, buildpacks.Title(c.Language))
	for _, r := range c.Reasons {
		sign := "-"
		if r.For {
			sign = "+"
		}
		fmt.Fprintf(w, "       %s %s\n", sign, safetext.Cell(r.Text))
	}
	for _, r := range c.Requires {
		want := r.Constraint
		if want == "" {
			want = "default version"
		}
		fmt.Fprintf(w, "       asks for %s %s (%s)\n", r.Tool, safetext.Cell(want), safetext.Cell(r.From))
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(w, "       ! %s\n", safetext.Cell(warning))
	}
	if c.Error != "" {
		fmt.Fprintf(w, "       ! %s\n", safetext.Cell(c.Error))
	}
}
