package detect

import (
	"path"
	"slices"
	"strings"

	"slugc/detect/gemlock"
	"slugc/detect/lazyregexp"
)

// gemfiles are the files of Bundler, and their lock files.
var gemfiles = []struct{ gemfile, lock string }{{"Gemfile", "Gemfile.lock"}, {"gems.rb", "gems.locked"}}

// ruby takes locked gems at paths outside of the app, and the files there that its Gemfile reads. The lock file
// names the gems that such gems need too.
func (m member) ruby() *Error {
	for _, f := range gemfiles {
		m.readsRuby(path.Join(m.dir, f.gemfile), nil)
		b, ok := m.read(path.Join(m.dir, f.lock))
		lock, err := gemlock.Parse(b)
		if !ok || err != nil {
			continue
		}
		for _, source := range lock.Sources {
			for _, remote := range source.Remotes {
				if to := m.outside(m.dir, remote); source.Kind == "PATH" && to != "" && m.is(to, true) {
					m.uses(to)
				}
			}
		}
	}
	return nil
}

var (
	// rubyString is a string of Ruby without anything to evaluate.
	rubyString = lazyregexp.New(`"([^"\\#\n]+)"|'([^'\\\n]+)'`)
	// rubyLoads is a line that evaluates another file.
	rubyLoads = lazyregexp.New(`\b(?:eval_gemfile|require_relative|load|instance_eval)\b`)
)

// readsRuby takes the files outside of the app that a Gemfile, or what it evaluates, names by paths such as
// "../Gemfile.common" or "../../.ruby-version". Bundler takes a path from the directory of the file that names
// it.
func (m member) readsRuby(file string, seen []string) {
	text, ok := m.read(file)
	if !ok || slices.Contains(seen, file) || len(seen) > maxHops {
		return
	}
	seen = append(seen, file)
	for line := range strings.Lines(string(text)) {
		loads := rubyLoads.MatchString(line)
		for _, match := range rubyString.FindAllStringSubmatch(line, -1) {
			for _, name := range rubyNames(match[1] + match[2]) {
				to := inTree(path.Join(path.Dir(file), name))
				if to == "" || !m.is(to, false) {
					continue
				}
				if !holds(m.dir, to) {
					m.usesFile(to)
				}
				if loads {
					m.readsRuby(to, seen)
				}
			}
		}
	}
}

// rubyNames returns the files that a path in a Gemfile may mean: require_relative adds .rb, and
// File.expand_path("../../x", __FILE__) goes up from the file and not from its directory.
func rubyNames(text string) []string {
	names := []string{text, text + ".rb"}
	if rest, ok := strings.CutPrefix(text, "../"); ok {
		names = append(names, rest)
	}
	return names
}
