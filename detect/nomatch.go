package detect

import (
	"fmt"
	"path"
	"strings"
)

const (
	maxNames  = 40  // top-level names listed
	maxBelow  = 3   // manifests listed that are not at the top level
	maxProbed = 300 // directories searched for them
)

// manifests are the files that languages are recognised by, in the order of their listing.
var manifests = []struct {
	file     string
	language Language
}{
	{"Gemfile", Ruby},
	{"gems.rb", Ruby},
	{"go.mod", Go},
	{"go.work", Go},
	{"project.clj", Clojure},
	{"deps.edn", Clojure},
	{"package.json", Node},
}

// NoMatch is the error of a tree that no detector passes.
type NoMatch struct {
	Languages []Result // each with its reasons, in the order Ruby, Go, Clojure, Node
	Names     []string // top-level names, sorted, directories with a trailing "/"; at most 40
	More      int      // how many names are left out
	Checks    []Check  // the four usual causes
	Foreign   *Foreign // what it seems to be instead, nil if that is not known
}

// Check is one usual cause of NoMatch, and the signs of it in the tree.
type Check struct {
	Question string   // "Is the file at the top level?"
	Found    []string // one sentence each; empty if there is no sign
}

// Error is one line; Text has everything.
func (e *NoMatch) Error() string {
	const text = "no language was recognised in the app's directory"
	if e.Foreign != nil {
		return text + ": it looks like " + e.Foreign.String()
	}
	return text
}

// Text is the whole message for the app's owner; every line ends with "\n".
func (e *NoMatch) Text() string {
	var b strings.Builder
	fmt.Fprintln(&b, "No language was recognised in the app's directory.")
	for _, r := range e.Languages {
		for _, reason := range r.Reasons {
			if !reason.For {
				fmt.Fprintf(&b, "  %-8s %s\n", r.Language, reason.Text)
			}
		}
	}
	switch {
	case len(e.Names) == 0:
		fmt.Fprintln(&b, "The directory is empty.")
	case e.More > 0:
		fmt.Fprintf(&b, "It holds: %s and %d more\n", strings.Join(e.Names, "  "), e.More)
	default:
		fmt.Fprintf(&b, "It holds: %s\n", strings.Join(e.Names, "  "))
	}
	if e.Foreign != nil {
		fmt.Fprintf(&b, "It looks like %s, for which no buildpack is built in.\n", e.Foreign)
	}
	for _, check := range e.Checks {
		if e.Foreign != nil && len(check.Found) == 0 {
			continue // that the file is there under another name is less likely
		}
		fmt.Fprintf(&b, "* %s\n", check.Question)
		for _, found := range check.Found {
			fmt.Fprintf(&b, "    %s\n", found)
		}
	}
	return b.String()
}

func noMatch(in Input, verdicts []Verdict) *NoMatch {
	s := newScan(in, "")
	e := &NoMatch{}
	for _, v := range verdicts {
		e.Languages = append(e.Languages, v.Result)
	}
	entries, _ := s.list(".")
	for _, entry := range entries {
		if len(e.Names) == maxNames {
			e.More = len(entries) - maxNames
			break
		}
		name := printable(entry.Name())
		if entry.IsDir() {
			name += "/"
		}
		e.Names = append(e.Names, name)
	}
	e.Foreign = s.foreign()
	e.Checks = []Check{
		{"Is the file at the top level?", s.manifestsBelow()},
		{"Is its name spelled exactly so, in upper and lower case?", s.misspelledManifests()},
		{"Is it listed in .slugignore or .gitignore?", s.ignoredManifests()},
		{"Is it committed? `git status` shows what is not.", nil},
	}
	return e
}

// manifestsBelow looks for manifests one and two levels down.
func (s *scan) manifestsBelow() []string {
	var found []string
	probed := 0
	var visit func(dir string, depth int)
	visit = func(dir string, depth int) {
		dirs := s.sourceDirs(dir)
		for _, sub := range dirs {
			if probed++; probed > maxProbed {
				return
			}
			if file, language := s.manifestIn(sub); file != "" && len(found) < maxBelow {
				found = append(found, fmt.Sprintf("found %s (%s): build with --subdir %s",
					printable(file), language, printable(sub)))
			}
		}
		if depth < 2 {
			for _, sub := range dirs {
				visit(sub, depth+1)
			}
		}
	}
	visit(".", 1)
	return found
}

// sourceDirs lists the directories in dir that may hold an app's source.
func (s *scan) sourceDirs(dir string) []string {
	entries, _ := s.list(dir)
	var dirs []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "node_modules" && e.Name() != "vendor" && !strings.HasPrefix(e.Name(), ".") {
			dirs = append(dirs, path.Join(dir, e.Name()))
		}
	}
	return dirs
}

func (s *scan) manifestIn(dir string) (file string, language Language) {
	for _, m := range manifests {
		if file := path.Join(dir, m.file); s.isFile(file) {
			return file, m.language
		}
	}
	return "", ""
}

// misspelledManifests finds manifests in the wrong case.
func (s *scan) misspelledManifests() []string {
	var found []string
	entries, _ := s.list(".")
	for _, e := range entries {
		for _, m := range manifests {
			if e.Name() != m.file && strings.EqualFold(e.Name(), m.file) {
				found = append(found, fmt.Sprintf("found %[1]s: rename it with `git mv %[1]s %[2]s`", e.Name(), m.file))
			}
		}
	}
	return found
}

// ignoredManifests finds manifests that an ignore file keeps out of the build.
func (s *scan) ignoredManifests() []string {
	var found []string
	for _, m := range manifests {
		if line := s.ignoredBy(m.file); line != "" {
			found = append(found, fmt.Sprintf("%s is listed in %s: remove it there", m.file, line))
		}
	}
	return found
}
