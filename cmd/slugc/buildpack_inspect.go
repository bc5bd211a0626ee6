package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"slugc/buildpacks"
	"slugc/buildpacks/reference"
	"slugc/cache"
	"slugc/cache/disk"
)

// buildpackDetails is a buildpack as `slugc buildpacks inspect` shows it.
type buildpackDetails struct {
	buildpackRow
	Directory  string              `json:"directory"`
	Programs   []string            `json:"programs"`            // in bin
	Descriptor buildpackDescriptor `json:"descriptor,omitzero"` // of a Cloud Native Buildpack
}

// buildpackDescriptor is what is shown of a buildpack.toml (Buildpack Interface Specification, "buildpack.toml").
type buildpackDescriptor struct {
	API       string `toml:"api"       json:"api,omitempty"`
	Buildpack struct {
		Name        string   `toml:"name"         json:"name,omitempty"`
		Description string   `toml:"description"  json:"description,omitempty"`
		Homepage    string   `toml:"homepage"     json:"homepage,omitempty"`
		ClearEnv    bool     `toml:"clear-env"    json:"clear_env,omitempty"`
		SBOM        []string `toml:"sbom-formats" json:"sbom_formats,omitempty"`
	} `toml:"buildpack" json:"buildpack,omitzero"`
	Targets []struct {
		OS      string `toml:"os"      json:"os,omitempty"`
		Arch    string `toml:"arch"    json:"arch,omitempty"`
		Distros []struct {
			Name    string `toml:"name"    json:"name,omitempty"`
			Version string `toml:"version" json:"version,omitempty"`
		} `toml:"distros" json:"distros,omitempty"`
	} `toml:"targets" json:"targets,omitempty"`
	Stacks []struct {
		ID string `toml:"id" json:"id"`
	} `toml:"stacks" json:"stacks,omitempty"`
	Order []struct {
		Group []struct {
			ID       string `toml:"id"       json:"id"`
			Version  string `toml:"version"  json:"version,omitempty"`
			Optional bool   `toml:"optional" json:"optional,omitempty"`
		} `toml:"group" json:"group"`
	} `toml:"order" json:"order,omitempty"`
}

func (c *cli) buildpackInspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect REF|ID|DIGEST",
		Short: "Show what a buildpack is, what it is for and where it comes from",
		Long: `Inspect shows a buildpack's id, version and kind, what its buildpack.toml says of it, its programs,
where it came from and the digest of its files. What is not kept yet is taken first, as by slugc buildpacks add.`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withReferences(func(home *cache.Home, store *reference.Store) error {
				d, err := c.findBuildpack(cmd.Context(), home, store, args[0])
				if err == nil {
					err = d.read()
				}
				if err != nil {
					return err
				}
				return c.result(d, d.text())
			})
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// findBuildpack finds a built-in buildpack, a kept one, or takes one.
func (c *cli) findBuildpack(
	ctx context.Context, home *cache.Home, store *reference.Store, arg string,
) (*buildpackDetails, error) {
	if l, ok := buildpacks.ByID("slugc/" + strings.TrimPrefix(arg, "slugc/")); ok {
		self, err := selfPath()
		if err != nil {
			return nil, err
		}
		dir, err := l.Materialise(home.Path("buildpacks"), self)
		row := buildpackRow{ID: l.ID, Version: l.Version, Kind: "built-in"}
		return &buildpackDetails{buildpackRow: row, Directory: dir}, err
	}
	list, err := keptBy(store, arg)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		refs, err := parseReferences([]string{arg})
		if err != nil {
			return nil, err
		}
		p, err := store.Take(ctx, refs[0])
		if err != nil {
			return nil, err
		}
		if list, err = keptBy(store, p.Digest.Hex()); err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, errNotKept(arg)
		}
	}
	return &buildpackDetails{buildpackRow: rowOf(list[0]), Directory: list[0].Buildpacks[0].Dir}, nil
}

// read reads what is in the buildpack's directory.
func (d *buildpackDetails) read() error {
	entries, err := os.ReadDir(filepath.Join(d.Directory, "bin"))
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a composite one has none
		return fmt.Errorf("reading the buildpack %s: %w", d.ID, err)
	}
	for _, e := range entries {
		d.Programs = append(d.Programs, e.Name())
	}
	if d.Kind == string(reference.Classic) {
		return nil
	}
	text, err := disk.ReadRegular(filepath.Join(d.Directory, "buildpack.toml"), 8<<20)
	if err == nil {
		err = toml.Unmarshal(text, &d.Descriptor)
	}
	if err != nil {
		return fmt.Errorf("reading the buildpack.toml of %s: %w", d.ID, err)
	}
	return nil
}

// text is the details as a table.
func (d *buildpackDetails) text() string {
	t := newTable("id", d.ID)
	row := func(name string, value string) {
		if value != "" {
			t.row(name, value)
		}
	}
	row("version", d.Version)
	row("kind", d.Kind)
	row("name", d.Descriptor.Buildpack.Name)
	row("about", d.Descriptor.Buildpack.Description)
	row("homepage", d.Descriptor.Buildpack.Homepage)
	row("buildpack API", d.Descriptor.API)
	row("for", d.targets())
	row("programs", strings.Join(d.Programs, ", "))
	if d.Descriptor.Buildpack.ClearEnv {
		row("environment", "without the user's variables")
	}
	row("SBOM formats", strings.Join(d.Descriptor.Buildpack.SBOM, ", "))
	row("reference", d.Ref)
	row("source", d.Source)
	row("files", d.Digest.String())
	row("directory", d.Directory)
	for i, o := range d.Descriptor.Order {
		var group []string
		for _, m := range o.Group {
			name := strings.TrimSuffix(m.ID+"@"+m.Version, "@")
			if m.Optional {
				name += " (optional)"
			}
			group = append(group, name)
		}
		row(fmt.Sprintf("group %d", i+1), strings.Join(group, ", "))
	}
	for _, m := range d.ConsistsOf {
		row("has", m.ID+"@"+m.Version)
	}
	return t.String()
}

// targets lists what the buildpack says that it runs on.
func (d *buildpackDetails) targets() string {
	var all []string
	for _, target := range d.Descriptor.Targets {
		name := strings.Trim(target.OS+"/"+target.Arch, "/")
		for _, distro := range target.Distros {
			all = append(all, strings.TrimSpace(name+" "+distro.Name+" "+distro.Version))
		}
		if len(target.Distros) == 0 {
			all = append(all, name)
		}
	}
	for _, s := range d.Descriptor.Stacks {
		if s.ID == "*" {
			s.ID = "any stack"
		}
		all = append(all, s.ID)
	}
	return strings.Join(slices.Compact(all), ", ")
}
