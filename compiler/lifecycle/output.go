package lifecycle

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/extension"
	"slugc/cache/beneath"
	"slugc/compiler/procfile"
	"slugc/detect/lazyregexp"
)

// launchFile is the content of launch.toml, of all versions of the API.
type launchFile struct {
	Labels    []libcnb.Label  `toml:"labels"`
	Processes []launchProcess `toml:"processes"`
	Slices    []libcnb.Slice  `toml:"slices"`
}

// readLaunch adds what a buildpack's launch.toml declares. A missing file declares nothing.
func (r *Result) readLaunch(bp Buildpack, dir *beneath.Dir) error {
	var launch launchFile
	if err := decodeOptional(dir, launchName, &launch); err != nil {
		return err
	}
	err := r.addProcesses(bp, launch.Processes)
	if err == nil && bp.BuiltIn {
		err = r.readOwn(launch)
	} else if err == nil {
		for _, l := range launch.Labels {
			if r.Labels == nil {
				r.Labels = map[string]string{}
			}
			r.Labels[l.Key] = l.Value
		}
		for i, s := range launch.Slices {
			r.Slices = append(r.Slices, Slice{Path: fmt.Sprintf("%s#%d", bp.Info.ID, i+1), patterns: s.Paths})
		}
	}
	if err != nil {
		return fmt.Errorf("reading %q: %w", launchName, err)
	}
	return nil
}

// readOwn adds the slices of a built-in buildpack and what its labels say.
func (r *Result) readOwn(launch launchFile) error {
	keys := map[string]string{}
	for _, l := range launch.Labels {
		if path, ok := extension.SlicePath(l.Key); ok {
			keys[path] = l.Value
		}
		if l.Key == extension.AddonsLabel {
			r.addAddons(l.Value)
		}
		if l.Key == extension.WarnedLabel {
			r.Warned = append(r.Warned, l.Value)
		}
	}
	for _, s := range launch.Slices {
		for _, p := range s.Paths {
			path := filepath.ToSlash(filepath.Clean(p))
			if !filepath.IsLocal(path) || path == "." {
				return fmt.Errorf("slice %q is not inside the app", p)
			}
			r.Slices = append(r.Slices, Slice{Path: path, Key: keys[path]})
		}
	}
	return nil
}

// readUnmet returns the entries of a buildpack's plan that it leaves to the next ones by its build.toml.
func readUnmet(plan []libcnb.BuildpackPlanEntry, dir *beneath.Dir) (unmet []libcnb.BuildpackPlanEntry, err error) {
	var build libcnb.BuildTOML
	if err := decodeOptional(dir, buildName, &build); err != nil {
		return nil, err
	}
	for _, u := range build.Unmet {
		named := func(e libcnb.BuildpackPlanEntry) bool { return e.Name == u.Name }
		if !slices.ContainsFunc(plan, named) {
			return nil, fmt.Errorf("reading %q: the unmet entry %q is not in its plan", buildName, u.Name)
		}
		if !slices.ContainsFunc(unmet, named) {
			unmet = append(unmet, slices.DeleteFunc(slices.Clone(plan), func(e libcnb.BuildpackPlanEntry) bool {
				return !named(e)
			})...)
		}
	}
	return unmet, nil
}

// addAddons adds the add-ons in a comma-separated list that are well-formed and new.
func (r *Result) addAddons(list string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); addonGrammar.MatchString(name) && !slices.Contains(r.Addons, name) {
			r.Addons = append(r.Addons, name)
		}
	}
}

// addonGrammar is the form of an add-on, with an optional plan: "heroku-postgresql:mini".
var addonGrammar = lazyregexp.New(`^[a-z][a-z0-9-]{0,62}(:[a-z0-9-]{1,62})?$`)

// setProcess adds a process, or replaces the one of the same type.
func (r *Result) setProcess(p procfile.Process) {
	r.classic.types = slices.DeleteFunc(r.classic.types, func(t string) bool { return t == p.Type })
	sameType := func(other procfile.Process) bool { return other.Type == p.Type }
	if i := slices.IndexFunc(r.Processes, sameType); i >= 0 {
		r.Processes[i] = p
		return
	}
	r.Processes = append(r.Processes, p)
}
