package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"slugc/buildpacks/reference"
	"slugc/cache"
	"slugc/compiler"
	"slugc/compiler/fault"
	"slugc/compiler/report"
)

func (c *cli) buildpackAddCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add REF...",
		Short: "Take buildpacks into this machine's store, or take again what they have moved to",
		Long: `Add fetches each REF and keeps what it leads to, by the digest of its files. A build does so by itself
the first time, and then uses what is kept: add is how a branch, a tag or an address is followed. REF is a
directory, an archive (.tgz, .tar, .tbz, .zip, .cnb) by path or address with #sha256=DIGEST, a git address with
#REV or #REV:DIRECTORY, docker://IMAGE, urn:cnb:registry:ID@VERSION, or a name of Heroku's such as heroku/python.`,
		Example: `  slugc buildpacks add https://github.com/heroku/heroku-buildpack-python#v250
  slugc buildpacks add docker://docker.io/paketobuildpacks/procfile`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			refs, err := parseReferences(args)
			if err != nil {
				return err
			}
			return c.withReferences(func(_ *cache.Home, store *reference.Store) error {
				var rows []buildpackRow
				var text strings.Builder
				for _, r := range refs {
					p, err := store.Update(cmd.Context(), r)
					if err != nil {
						return err
					}
					row := rowOf(reference.Kept{Package: p})
					row.LastUsed = nil
					rows = append(rows, row)
					fmt.Fprintf(&text, "%s %s (%s) from %s: %s\n", row.ID, row.Version, row.Kind, p.Source, p.Digest)
				}
				return c.result(rows, strings.TrimSuffix(text.String(), "\n"))
			})
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// parseReferences reads references to buildpacks that are not built in, relative to the working directory.
func parseReferences(texts []string) (refs []reference.Ref, err error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	for _, text := range texts {
		r, err := reference.Parse(text, here)
		if err != nil {
			return nil, compiler.ReferenceFault(err)
		}
		if r.Kind == reference.Builtin {
			return nil, fault.UsageError("usage/buildpack",
				fmt.Errorf("taking the buildpack %q: it is built in", text), "name a buildpack that is not")
		}
		refs = append(refs, r)
	}
	return refs, nil
}

func (c *cli) buildpackRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rm REF|DIGEST...",
		Short: "Remove buildpacks from this machine's store",
		Long: `Rm removes what was kept of buildpacks, by a reference that led to them, their source, their id or the
first digits of their digest. The next build that asks for one takes it again. What a build uses stays.`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.withReferences(func(_ *cache.Home, store *reference.Store) error {
				var freed int64
				for _, arg := range args {
					n, err := removeBuildpack(store, arg)
					if freed += n; err != nil {
						return err
					}
				}
				return c.result(map[string]int64{"freed": freed}, "freed "+report.Bytes(freed))
			})
		},
	}
	c.jsonFlag(cmd)
	return cmd
}

// removeBuildpack removes the packages that an argument names, and returns the bytes freed.
func removeBuildpack(store *reference.Store, arg string) (freed int64, err error) {
	list, err := keptBy(store, arg)
	if err != nil {
		return 0, err
	}
	pinned, err := forgetReference(store, arg)
	if err != nil {
		return 0, err
	}
	if len(list) == 0 && !pinned {
		return 0, errNotKept(arg)
	}
	for _, k := range list {
		if k.InUse {
			return freed, fault.TransientError("buildpack/in-use",
				fmt.Errorf("removing the buildpack %q: a build uses it", arg), "try again when the build has ended")
		}
		n, err := store.Remove(k.Digest)
		if freed += n; err != nil {
			return freed, err
		}
	}
	return freed, nil
}

// forgetReference removes the pin of a reference, and reports whether there was one.
func forgetReference(store *reference.Store, arg string) (bool, error) {
	here, err := os.Getwd()
	if err != nil {
		return false, fmt.Errorf("finding the working directory: %w", err)
	}
	r, err := reference.Parse(arg, here)
	if err != nil {
		return false, nil // it is a digest or an id
	}
	return store.Forget(r)
}

func errNotKept(arg string) error {
	return fault.UsageError("buildpack/not-kept",
		fmt.Errorf("finding the buildpack %q: nothing is kept by that name", arg),
		"`slugc buildpacks ls` lists those that are kept")
}

// keptBy lists the packages that an argument names: by reference, source, id or digest.
func keptBy(store *reference.Store, arg string) (found []reference.Kept, err error) {
	list, err := store.List()
	if err != nil {
		return nil, err
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	names := []string{arg}
	if r, err := reference.Parse(arg, here); err == nil {
		names = append(names, r.Text)
		if r.Path != "" {
			names = append(names, r.Path)
		}
	}
	hex := strings.TrimPrefix(arg, "sha256:")
	for _, k := range list {
		main := k.Buildpacks[0]
		is := append([]string{k.Ref, k.Source, main.ID, main.ID + "@" + main.Version}, k.Refs...)
		byName := slices.ContainsFunc(names, func(n string) bool { return slices.Contains(is, n) })
		if byName || len(hex) >= 6 && strings.HasPrefix(k.Digest.Hex(), hex) {
			found = append(found, k)
		}
	}
	return found, nil
}
