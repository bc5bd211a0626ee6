package detect

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
	"slugc/detect/sexpr"
)

var (
	leinVersion = lazyregexp.New(`^\d+(?:\.\d+){0,2}$`)
	cliPattern  = lazyregexp.New(`^\d+\.\d+\.\d+(?:\.\d+)?$`)
)

func parseCLIVersion(text string) source {
	if !cliPattern.MatchString(text) {
		return source{bad: errors.New("a version such as 1.12.4.1597 is expected")}
	}
	return source{constraint: text, exact: true}
}

// minLein reads :min-lein-version. If there is none, it warns and Leiningen 2 is used. 1.x is an
// error, unless the app has its own bin/lein.
func (s *scan) minLein(app *ClojureApp) ([]source, error) {
	text := app.Lein.MinLeinVersion
	switch {
	case app.BinLein || app.Lein.computed(":min-lein-version"):
		return nil, nil
	case text == "":
		s.warn("project.clj has no :min-lein-version; using Leiningen 2.x: add :min-lein-version \"2.0.0\"")
		return nil, nil
	case strings.HasPrefix(text, "1.") || text == "1":
		return nil, &Error{
			ID: "clojure/leiningen-1", Summary: fmt.Sprintf(
				"project.clj :min-lein-version asks for Leiningen %s, and Leiningen 1 is not supported",
				text), Place: "project.clj :min-lein-version",
			Hints: []string{`move to Leiningen 2 and write :min-lein-version "2.0.0"`},
		}
	}
	src := source{from: "project.clj :min-lein-version", text: text, constraint: ">=" + text + " <3"}
	if !leinVersion.MatchString(text) {
		src.bad = errors.New("a version such as 2.0.0 is expected")
	}
	return []source{src}, nil
}

// forms parses a Clojure file; id is that of the error if it is malformed.
func (s *scan) forms(file, id string) ([]sexpr.Node, error) {
	b, _, err := s.read(file)
	if err != nil {
		return nil, err
	}
	nodes, err := sexpr.Parse(b)
	if syntax, ok := errors.AsType[*sexpr.SyntaxError](err); ok {
		return nil, malformed(id, file, syntax.Line, syntax.Cause)
	}
	return nodes, err
}

func malformed(id, file string, line int, cause string) *Error {
	return &Error{
		ID: id, Summary: fmt.Sprintf("%s is malformed: %s", file, cause), Place: fmt.Sprintf("%s:%d", file, line),
		Hints: []string{"fix the file: every bracket and quote must be closed by its own kind, " +
			"and forms that come in pairs must be complete"},
	}
}

func (s *scan) leinFacts() (*LeinFacts, error) {
	const id = "clojure/project-clj-malformed"
	nodes, err := s.forms("project.clj", id)
	if err != nil {
		return nil, err
	}
	projects := defprojects(nodes, nil)
	if len(projects) == 0 {
		if !mentions(nodes, projectCode) {
			return nil, malformed(id, "project.clj", 1, "there is no (defproject …)")
		}
		return &LeinFacts{Computed: slices.Clone(leinKeys)}, nil
	}
	var facts *LeinFacts
	for _, project := range projects {
		one, err := leinProject(project)
		if err != nil {
			return nil, err
		}
		if facts == nil {
			facts = one
		} else {
			facts.either(one)
		}
	}
	return facts, nil
}

// projectCode are the calls by which a project.clj without a defproject of its own may define its project.
var projectCode = []string{"load-file", "load-string", "load-reader", "load", "eval", "read-string", "project"}

// leinKeys are the keys whose values [LeinFacts] holds.
var leinKeys = []string{":name", ":version", ":min-lein-version", ":uberjar-name", ":main", ":target-path"}

// defprojects appends the calls of defproject among forms, and in forms around it such as let, do and if.
func defprojects(nodes, found []sexpr.Node) []sexpr.Node {
	for _, n := range nodes {
		if n.Prefix == "'" || n.Prefix == "`" || len(n.Items) > 0 && n.Items[0].Is("comment") {
			continue
		}
		if n.Kind == sexpr.List && len(n.Items) > 0 && n.Prefix != "#?" && n.Items[0].Kind == sexpr.Symbol &&
			(n.Items[0].Text == "defproject" || strings.HasSuffix(n.Items[0].Text, "/defproject")) {
			found = append(found, n)
			continue
		}
		found = defprojects(n.Items, found)
	}
	return found
}

// mentions reports whether forms contain one of some symbols, or one that makes projects of its own
// (my.build/defproject-with).
func mentions(nodes []sexpr.Node, symbols []string) bool {
	return slices.ContainsFunc(nodes, func(n sexpr.Node) bool {
		return n.Kind == sexpr.Symbol && (slices.Contains(symbols, n.Text) || strings.Contains(n.Text, "defproject")) ||
			n.Prefix == "#=" || mentions(n.Items, symbols)
	})
}

// leinProject reads one call of defproject.
func leinProject(project sexpr.Node) (*LeinFacts, error) {
	const id = "clojure/project-clj-malformed"
	if len(project.Items) < 2 || !project.Items[1].Computed() && project.Items[1].Kind != sexpr.Symbol &&
		project.Items[1].Kind != sexpr.String {
		return nil, malformed(id, "project.clj", project.Line, "defproject has no name")
	}
	facts := &LeinFacts{}
	facts.Name = facts.text(":name", &project.Items[1])
	from := 2
	// The version may be left out of (defproject name :key value …), and may be computed.
	if len(project.Items) > 2 && project.Items[2].Kind != sexpr.Keyword {
		facts.Version = facts.text(":version", &project.Items[2])
		from = 3
	}
	if slices.ContainsFunc(project.Items[from:], splices) {
		facts.Computed = slices.Clone(leinKeys)
		return facts, nil
	}
	if (len(project.Items)-from)%2 != 0 {
		return nil, malformed(id, "project.clj", project.Items[len(project.Items)-1].Line,
			"a key of defproject has no value")
	}
	facts.read(project, from)
	return facts, nil
}

// splices reports whether a form may stand for no form or for several.
func splices(n sexpr.Node) bool { return n.Prefix == "#?" || n.Prefix == "~@" }

// either makes facts of two projects, one of which project.clj defines: what they do not share is computed.
func (f *LeinFacts) either(other *LeinFacts) {
	for _, fact := range []struct {
		key         string
		mine, yours *string
	}{
		{":name", &f.Name, &other.Name}, {":version", &f.Version, &other.Version}, {":main", &f.Main, &other.Main},
		{":min-lein-version", &f.MinLeinVersion, &other.MinLeinVersion},
		{":uberjar-name", &f.UberjarName, &other.UberjarName}, {":target-path", &f.TargetPath, &other.TargetPath},
	} {
		if *fact.mine == *fact.yours && f.computed(fact.key) == other.computed(fact.key) {
			continue
		}
		*fact.mine = ""
		if !f.computed(fact.key) {
			f.Computed = append(f.Computed, fact.key)
		}
	}
	f.Plugins, f.Dependencies = union(f.Plugins, other.Plugins), union(f.Dependencies, other.Dependencies)
	f.Profiles, f.Aliases = union(f.Profiles, other.Profiles), union(f.Aliases, other.Aliases)
}

// union returns the members of one list, and of another those that the first lacks.
func union(list, more []string) []string {
	for _, name := range more {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

func (f *LeinFacts) read(project sexpr.Node, from int) {
	get := func(key string) string { return f.text(key, project.Get(key, from)) }
	f.MinLeinVersion, f.TargetPath = get(":min-lein-version"), get(":target-path")
	f.UberjarName = get(":uberjar-name")
	if f.Main = get(":main"); f.Main == "nil" || f.Main == "false" {
		f.Main = ""
	}
	f.Plugins, f.Dependencies = coordinates(project.Get(":plugins", from)), coordinates(
		project.Get(":dependencies", from))
	f.Profiles, f.Aliases = mapKeys(project.Get(":profiles", from)), mapKeys(project.Get(":aliases", from))
	if profiles := project.Get(":profiles", from); profiles != nil {
		if uberjar := profiles.Get(":uberjar", 0); uberjar != nil {
			if name := f.text(":uberjar-name", uberjar.Get(":uberjar-name", 0)); name != "" {
				f.UberjarName = name
			}
		}
	}
}

// text returns an atom's value. That of a computed form is "", and its key is added to f.Computed.
func (f *LeinFacts) text(key string, n *sexpr.Node) string {
	if n == nil {
		return ""
	}
	if n.Computed() {
		if !slices.Contains(f.Computed, key) {
			f.Computed = append(f.Computed, key)
		}
		return ""
	}
	return n.Text
}

// coordinates returns the names in [[name "1"] …].
func coordinates(n *sexpr.Node) []string {
	var names []string
	if n == nil {
		return nil
	}
	for _, item := range n.Items {
		if len(item.Items) > 0 && item.Items[0].Text != "" {
			names = append(names, item.Items[0].Text)
		}
	}
	return names
}

// mapKeys returns a map's keys, keywords without their colon.
func mapKeys(n *sexpr.Node) []string {
	if n == nil || n.Kind != sexpr.Map {
		return nil
	}
	var keys []string
	for i := 0; i+1 < len(n.Items); i += 2 {
		if text := strings.TrimPrefix(n.Items[i].Text, ":"); text != "" {
			keys = append(keys, text)
		}
	}
	return keys
}

func (s *scan) depsFacts() (*DepsFacts, error) {
	const id = "clojure/deps-edn-malformed"
	nodes, err := s.forms("deps.edn", id)
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 || nodes[0].Kind != sexpr.Map {
		return nil, malformed(id, "deps.edn", 1, "it is not a map")
	}
	deps := nodes[0]
	if len(deps.Items)%2 != 0 {
		return nil, malformed(id, "deps.edn", deps.Items[len(deps.Items)-1].Line, "a key has no value")
	}
	facts := &DepsFacts{
		Paths:        texts(deps.Get(":paths", 0)),
		Dependencies: mapKeys(deps.Get(":deps", 0)),
		Aliases:      map[string]DepsAlias{},
	}
	aliases := deps.Get(":aliases", 0)
	for _, name := range mapKeys(aliases) {
		n := aliases.Get(":"+name, 0)
		if n == nil {
			continue
		}
		alias := DepsAlias{
			MainOpts: texts(n.Get(":main-opts", 0)),
			JVMOpts:  texts(n.Get(":jvm-opts", 0)),
			ExecArgs: n.Get(":exec-args", 0) != nil,
		}
		if fn := n.Get(":exec-fn", 0); fn != nil {
			alias.ExecFn = fn.Text
		}
		if ns := n.Get(":ns-default", 0); ns != nil {
			alias.NsDefault = ns.Text
		}
		for _, key := range []string{":deps", ":extra-deps", ":replace-deps"} {
			alias.Dependencies = append(alias.Dependencies, mapKeys(n.Get(key, 0))...)
		}
		facts.Aliases[name] = alias
	}
	return facts, nil
}

// texts returns a vector's strings and symbols.
func texts(n *sexpr.Node) []string {
	if n == nil {
		return nil
	}
	var out []string
	for _, item := range n.Items {
		if item.Text != "" {
			out = append(out, item.Text)
		}
	}
	return out
}

func (s *scan) buildFacts() (*BuildFacts, error) {
	if !s.isFile("build.clj") {
		return nil, nil
	}
	nodes, err := s.forms("build.clj", "clojure/build-clj-malformed")
	if err != nil {
		return nil, err
	}
	facts := &BuildFacts{}
	for _, n := range nodes {
		if n.Kind == sexpr.List && len(n.Items) > 1 && n.Items[0].Is("defn") && n.Items[1].Text != "" {
			facts.Functions = append(facts.Functions, n.Items[1].Text)
		}
	}
	return facts, nil
}
