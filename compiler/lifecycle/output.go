package lifecycle

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/extension"
	"slugc/buildpacks/shell"
	"slugc/cache/beneath"
	"slugc/compiler/procfile"
	"slugc/detect/lazyregexp"
)

// readLaunch adds what a buildpack's launch.toml declares. A missing file declares nothing.
func (r *Result) readLaunch(dir *beneath.Dir) error {
	var launch libcnb.LaunchTOML
	if err := decodeOptional(dir, "launch.toml", &launch); err != nil {
		return err
	}
	if err := r.addProcesses(launch.Processes); err != nil {
		return err
	}
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
	if err := decodeOptional(dir, "build.toml", &build); err != nil {
		return nil, err
	}
	for _, u := range build.Unmet {
		named := func(e libcnb.BuildpackPlanEntry) bool { return e.Name == u.Name }
		if !slices.ContainsFunc(plan, named) {
			return nil, fmt.Errorf("reading \"build.toml\": the unmet entry %q is not in its plan", u.Name)
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

// addProcesses adds a buildpack's processes. They override those of the same type.
func (r *Result) addProcesses(list []libcnb.Process) error {
	for _, p := range list {
		if p.Type == "" || len(p.Command) == 0 {
			return fmt.Errorf("process %q has no command", p.Type)
		}
		r.setProcess(procfile.Process{Type: p.Type, Command: commandLine(p)})
	}
	return nil
}

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

// commandLine returns the line that starts a process by `bash -c`. Of a process that itself is `bash -c LINE` or
// `sh -c LINE` it returns LINE.
func commandLine(p libcnb.Process) string {
	words := append(slices.Clone(p.Command), p.Arguments...)
	line := ""
	if len(words) == 3 && (words[0] == "bash" || words[0] == "sh") && words[1] == "-c" {
		line = words[2]
	} else {
		for i, word := range words {
			// Unlike shell.Word this leaves "=" unquoted, which only the first word needs.
			if i == 0 || shell.Word(strings.ReplaceAll(word, "=", "_")) != strings.ReplaceAll(word, "=", "_") {
				word = shell.Word(word)
			}
			words[i] = word
		}
		line = strings.Join(words, " ")
	}
	if p.WorkingDirectory != "" {
		line = "cd " + shell.Quote(p.WorkingDirectory) + " && " + line
	}
	return line
}
