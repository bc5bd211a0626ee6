package detect

import (
	"errors"
	"fmt"
	"go/version"
	"path"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"

	"slugc/detect/gorange"
	"slugc/detect/lazyregexp"
)

const maxGoMembers = 500 // go.work use directives

// goModules reads a tree's module files and collects the versions they name.
type goModules struct {
	s        *scan
	app      *GoApp
	goFrom   string // the file of the highest go directive
	toolFrom string // the file of the highest toolchain directive
	heroku   string // `// +heroku goVersion` of the root go.mod
	needs    goFeature
}

// goFeature is something in the module files that not every Go with modules can read.
type goFeature struct{ since, what string }

// goFeatures are the directives by the Go that they came with (go.dev/ref/mod).
var goFeatures = map[string]goFeature{
	"retract": {"1.16", "retract lines"}, "toolchain": {"1.21", "a toolchain line"},
	"godebug": {"1.23", "godebug lines"}, "tool": {"1.24", "tool lines"}, "ignore": {"1.25", "ignore lines"},
}

// need notes what a module file has, if it needs a newer Go than what was noted before.
func (m *goModules) need(file string, f goFeature) {
	if f.since != "" && version.Compare("go"+f.since, "go"+m.needs.since) > 0 {
		m.needs = goFeature{f.since, file + " has " + f.what}
	}
}

var (
	goDirective = lazyregexp.New(`^\d+\.\d+(?:\.\d+)?(?:(?:rc|beta|alpha)\d+)?$`)
	goOperator  = lazyregexp.New(`([<>=~^])\s+`)
)

func (m *goModules) readMod(file string) error {
	b, ok, err := m.s.read(file)
	if err != nil {
		return err
	}
	if !ok {
		return &Error{
			ID: "go/work-invalid", Place: "go.work",
			Summary: fmt.Sprintf("go.work uses %s, which has no go.mod", path.Dir(file)),
			Hints:   []string{"run `go work use -r .` and commit go.work, or commit the missing directory"},
		}
	}
	f, err := modfile.ParseLax(file, b, nil)
	if err != nil {
		return modInvalid("go/mod-invalid", file, err)
	}
	if f.Module == nil || f.Module.Mod.Path == "" {
		return modInvalid("go/mod-invalid", file, errors.New("there is no line such as `module example.com/app`"))
	}
	if file == "go.mod" {
		m.app.Module = f.Module.Mod.Path
		m.comments(b)
	}
	m.app.HasRequires = m.app.HasRequires || len(f.Require) > 0
	return m.versions(file, b, f.Syntax)
}

func (m *goModules) readWork() error {
	b, ok, err := m.s.read("go.work")
	if err != nil || !ok {
		return err
	}
	f, err := modfile.ParseWork("go.work", b, nil)
	if err != nil {
		return modInvalid("go/work-invalid", "go.work", err)
	}
	m.need("the app", goFeature{"1.18", "a go.work"})
	if err := m.versions("go.work", b, f.Syntax); err != nil {
		return err
	}
	if len(f.Use) > maxGoMembers {
		return modInvalid("go/work-invalid", "go.work", fmt.Errorf("more than %d use directives", maxGoMembers))
	}
	for _, use := range f.Use {
		dir := m.s.reach(use.Path)
		if dir == "" {
			return modInvalid("go/work-invalid", "go.work", fmt.Errorf("%q lies outside of the app", use.Path))
		}
		m.app.Members = append(m.app.Members, dir)
		if file := path.Join(dir, "go.mod"); file != "go.mod" || m.app.Module == "" {
			if err := m.readMod(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// readAround reads the go.work above a member, if the member is built with it: where each module that it uses has a
// go.mod there.
func (m *goModules) readAround() error {
	if m.s.isFile("vendor/modules.txt") {
		return nil
	}
	for dir, up := m.s.base, ""; dir != "."; {
		dir, up = path.Dir(dir), path.Join(up, "..")
		file := path.Join(up, "go.work")
		b, ok, err := m.s.read(file)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		f, err := modfile.ParseWork(file, b, nil)
		if err != nil {
			return modInvalid("go/work-invalid", file, err)
		}
		joins := false
		for _, use := range f.Use {
			to := path.Join(dir, use.Path)
			joins = joins || to == m.s.base
			if !m.s.isFile(path.Join(up, use.Path, "go.mod")) {
				return nil
			}
		}
		if !joins {
			return nil
		}
		m.s.reasonFor("", "found %s", file)
		m.app.Around = file
		m.need("the app", goFeature{"1.18", "a go.work"})
		return m.versions(file, b, f.Syntax)
	}
	return nil
}

// versions reads the go and toolchain directives as they are written. modfile's lax parser is no
// help: it repairs versions that the go command rejects, and skips toolchain.
func (m *goModules) versions(file string, b []byte, syntax *modfile.FileSyntax) error {
	lines := strings.Split(string(b), "\n")
	for _, stmt := range syntax.Stmt {
		if block, ok := stmt.(*modfile.LineBlock); ok {
			m.need(file, goFeatures[block.Token[0]])
		}
		line, ok := stmt.(*modfile.Line)
		if ok && len(line.Token) > 0 {
			m.need(file, goFeatures[line.Token[0]])
		}
		if !ok || len(line.Token) < 2 || line.Token[0] != "go" && line.Token[0] != "toolchain" {
			continue
		}
		text := line.Token[1]
		if n := line.Start.Line; n >= 1 && n <= len(lines) {
			if fields := strings.Fields(lines[n-1]); len(fields) > 1 {
				text = strings.Trim(fields[1], "\"`")
			}
		}
		if !m.directive(file, line.Token[0], text) {
			return goInvalid(fmt.Sprintf("%s:%d", file, line.Start.Line), line.Token[0]+" "+text)
		}
	}
	return nil
}

// directive takes one go or toolchain directive into account; it returns false for an invalid one.
func (m *goModules) directive(file, directive, text string) bool {
	if directive == "go" {
		if !goDirective.MatchString(text) || !version.IsValid("go"+text) {
			return false
		}
		if text != strings.TrimPrefix(version.Lang("go"+text), "go") {
			m.need(file, goFeature{"1.21", "the go line " + text})
		}
		if version.Compare("go"+text, "go"+m.app.GoVersion) > 0 {
			m.app.GoVersion, m.goFrom = text, file
		}
		return true
	}
	if text == "default" || text == "local" {
		return true
	}
	v, _, _ := strings.Cut(text, "-") // go1.25.1-custom
	if !strings.HasPrefix(v, "go") || !goDirective.MatchString(v[2:]) || !version.IsValid(v) {
		return false
	}
	if version.Compare(v, m.app.Toolchain) > 0 {
		m.app.Toolchain, m.toolFrom = v, file+" toolchain"
	}
	return true
}

// comments reads `// +heroku goVersion V` and `// +heroku install PATTERN…`, the first of each.
func (m *goModules) comments(b []byte) {
	for line := range strings.SplitSeq(string(b), "\n") {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "//")
		fields := strings.Fields(line)
		if !ok || len(fields) < 3 || fields[0] != "+heroku" {
			continue
		}
		switch {
		case fields[1] == "goVersion" && m.heroku == "":
			m.heroku = strings.Join(fields[2:], " ")
		case fields[1] == "install" && m.app.Install == nil:
			m.app.Install = fields[2:]
		}
	}
}

// requirement chooses the Go version. It comes from, in order of precedence, SLUGC_GO_VERSION,
// GOVERSION, the comment `+heroku goVersion` and the module files' minimum.
func (m *goModules) requirement() (Requirement, error) {
	s := m.s
	sources := append(s.envSource("SLUGC_GO_VERSION", parseGoRequest), s.envSource("GOVERSION", parseGoRequest)...)
	if m.heroku != "" {
		sources = append(sources, parseGoRequest(m.heroku).at("go.mod +heroku goVersion", m.heroku))
	}
	pinned := len(sources) > 0
	newer, files := m.minimum(!pinned)
	sources = append(sources, files...)
	req, winner := s.choose("go", sources, func(winner, _ source) bool { return m.compatible(winner) })
	if winner == nil {
		s.warn("no Go version is named; add a go directive to go.mod, such as `go 1.25`")
	} else if winner.bad != nil {
		return req, goInvalid(winner.from, winner.text)
	} else if !pinned {
		req.Newer = newer
	}
	return req, nil
}

// minimum returns what the module files ask for: the newest patch of the line that the go directive
// names, or of the toolchain directive's if that is higher. The go directive is a minimum: newer is the
// constraint of all Go that will do. Where its own line cannot even read the module files, all Go that
// can is asked for, and with warn the reason is a warning.
func (m *goModules) minimum(warn bool) (newer string, sources []source) {
	own := "go" + m.app.GoVersion
	if version.Compare(m.app.Toolchain, own) > 0 {
		text := strings.TrimPrefix(m.app.Toolchain, "go")
		return "", []source{source{constraint: atLeast(m.app.Toolchain)}.at(m.toolFrom, text+" or later")}
	}
	if !version.IsValid(own) {
		return "", nil
	}
	m.need("the app", goFeature{"1.11", "modules"})
	src, newer := source{constraint: atLeast(own)}, ">="+m.app.GoVersion
	if version.Compare(version.Lang(own), "go"+m.needs.since) < 0 {
		newer = ">=" + m.needs.since
		src.constraint = newer
		if warn {
			m.s.warn("%s says go %s, and %s, which came with Go %s; using the newest Go",
				m.goFrom, m.app.GoVersion, m.needs.what, m.needs.since)
		}
	}
	return newer, []source{src.at(m.goFrom, m.app.GoVersion+" or later")}
}

// compatible reports whether the winner admits a version that is new enough for the go directives of
// the module files.
func (m *goModules) compatible(winner source) bool {
	if m.app.GoVersion == "" {
		return true
	}
	r, err := gorange.Parse(winner.constraint)
	if err != nil {
		return false
	}
	for word := range strings.FieldsSeq(winner.constraint) {
		upper, limited := strings.CutPrefix(word, "<")
		if limited && version.Compare("go"+strings.TrimPrefix(upper, "="), "go"+m.app.GoVersion) <= 0 {
			return false
		}
	}
	return !winner.exact ||
		r.Match(winner.constraint) && version.Compare("go"+winner.constraint, "go"+m.app.GoVersion) >= 0
}

// atLeast is the constraint for a minimum and the later patches of its minor line.
func atLeast(minimum string) string {
	return ">=" + strings.TrimPrefix(minimum, "go") + " <" + nextLine(minimum)
}

func nextLine(v string) string {
	major, minor, _ := strings.Cut(strings.TrimPrefix(version.Lang(v), "go"), ".")
	n, _ := strconv.Atoi(minor)
	return fmt.Sprintf("%s.%d", major, n+1)
}

// parseGoRequest parses a version that is asked for in the configuration or a comment: "1.25" (its
// newest patch), "1.25.1" or "go1.25.1" (exactly this one), "=1.22", "~1.22.1", "^1.22", and
// comparators separated by commas or spaces.
func parseGoRequest(text string) source {
	terms := strings.FieldsFunc(goOperator.ReplaceAllString(text, "$1"),
		func(r rune) bool { return r == ',' || r == ' ' })
	var words []string
	for _, word := range terms {
		op := word[:len(word)-len(strings.TrimLeft(word, "<>=~^"))]
		v := "go" + strings.TrimPrefix(strings.TrimPrefix(word[len(op):], "go"), "v")
		if !goDirective.MatchString(v[2:]) || !version.IsValid(v) {
			return source{bad: errors.New("not a Go version")}
		}
		line := version.Lang(v) == v
		switch op {
		case "", "=":
			if !line && len(terms) == 1 {
				return source{constraint: v[2:], exact: true}
			}
			words = append(words, ">="+v[2:], "<"+nextLine(v))
		case "~":
			words = append(words, ">="+v[2:], "<"+nextLine(v))
		case "^":
			words = append(words, ">="+v[2:], "<2.0")
		case ">=", "<=", ">", "<":
			words = append(words, op+v[2:])
		default:
			return source{bad: errors.New("not a Go version")}
		}
	}
	return source{constraint: strings.Join(words, " ")}
}

func goInvalid(place, text string) *Error {
	return &Error{
		ID: "go/version-invalid", Place: place,
		Summary: fmt.Sprintf("%s: %q is not a Go version that supports modules", place, text),
		Hints:   []string{"write a version such as 1.25 or 1.25.1; Go 1.11 is the oldest with modules"},
	}
}

// modInvalid reports the first error of modfile, with its line.
func modInvalid(id, file string, err error) *Error {
	place, cause := file, firstLine(err.Error())
	if list, ok := errors.AsType[modfile.ErrorList](err); ok && len(list) > 0 {
		place = fmt.Sprintf("%s:%d", file, list[0].Pos.Line)
		if list[0].Err != nil {
			cause = firstLine(list[0].Err.Error())
			if list[0].Verb != "" {
				cause = list[0].Verb + ": " + cause
			}
		}
	}
	if strings.Contains(cause, "invalid go version") {
		id = "go/version-invalid"
	}
	reader := "go mod edit -json " + file
	if file == "go.work" {
		reader = "go work edit -json"
	}
	return &Error{
		ID: id, Summary: fmt.Sprintf("%s is not valid: %s", file, cause), Place: place,
		Hints: []string{fmt.Sprintf("fix the file; `%s` shows whether Go can read it", reader)},
	}
}
