package descriptor

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"slugc/detect/ignore"
)

// ioTable is [io.buildpacks] of schema 0.2 and 0.3.
type ioTable struct {
	Group   []groupMember `key:"group"`
	Pre     addition      `key:"pre"`
	Post    addition      `key:"post"`
	Include []string      `key:"include"`
	Exclude []string      `key:"exclude"`
	Build   struct {
		Env []variable `key:"env"`
	} `key:"build"`
	// Old is where files of schema 0.2 may have it, after an early mistake of pack.
	Old struct {
		Build []variable `key:"build"`
	} `key:"env"`
	Schema string `key:"schema-version"`
}

// buildTable is [build] of schema 0.1.
type buildTable struct {
	Include    []string      `key:"include"`
	Exclude    []string      `key:"exclude"`
	Buildpacks []groupMember `key:"buildpacks"`
	Env        []variable    `key:"env"`
	Pre        addition      `key:"pre"`
	Post       addition      `key:"post"`
}

type addition struct {
	Group []groupMember `key:"group"`
}

type groupMember struct {
	ID       string      `key:"id"`
	Version  string      `key:"version"`
	URI      string      `key:"uri"`
	Script   *scriptText `key:"script"`
	Optional bool        `key:"optional"`
	ExecEnv  []string    `key:"exec-env"` // from schema 0.3
	Place    string
}

type scriptText struct {
	API    string `key:"api"`
	Shell  string `key:"shell"`
	Inline string `key:"inline"`
}

type variable struct {
	Name    string   `key:"name"`
	Value   string   `key:"value"`
	ExecEnv []string `key:"exec-env"` // from schema 0.3
	Place   string
}

func (groupMember) rules() map[string]rule {
	text := rule{pattern: reference, hint: "write one reference, without spaces"}
	return map[string]rule{"id": text, "version": text, "uri": text}
}

func (scriptText) rules() map[string]rule {
	return map[string]rule{
		"api": {pattern: `^\d{1,3}\.\d{1,3}$`, hint: `write the version of the buildpack API, such as "0.10"`},
		"shell": {
			pattern: `^/[^\s\x00-\x1f\x7f]{0,200}( [^\s\x00-\x1f\x7f]{1,40})?$`,
			hint:    `write a path, such as "/bin/bash"`,
		},
	}
}

func (variable) rules() map[string]rule {
	return map[string]rule{"name": {pattern: varName, hint: "write a name of letters, digits and _"}}
}

// project reads project.toml.
func (r *reader) project() error {
	data, ok, err := r.file(ProjectFile)
	if err != nil || !ok {
		return err
	}
	doc, err := parseTOML(ProjectFile, data)
	if err != nil {
		return err
	}
	p := projectReader{r, doc, "0.1"}
	if err := p.standard(); err != nil {
		return err
	}
	return p.settings()
}

// projectReader reads a project.toml.
type projectReader struct {
	*reader
	doc    *document
	schema string
}

// sub returns the table at a path, nil if there is none.
func (p projectReader) sub(names ...string) (map[string]any, error) {
	table, path := p.doc.root, ""
	for _, name := range names {
		path = key(path, name)
		value, ok := table[name]
		if !ok {
			return nil, nil
		}
		if table, ok = value.(map[string]any); !ok {
			return nil, p.doc.invalid(path, "is "+kind(value)+"; it should be a table")
		}
	}
	return table, nil
}

// standard reads what the project descriptor's specification has.
func (p projectReader) standard() error {
	meta, err := p.sub("_")
	if err != nil {
		return err
	}
	declared := meta["schema-version"]
	switch declared {
	case nil:
	case "0.1", "0.2", "0.3":
		p.schema = declared.(string)
	default:
		return p.doc.invalid("_.schema-version", `should be "0.1", "0.2" or "0.3"`,
			`write schema-version = "0.2"`)
	}
	if p.schema == "0.1" {
		return p.first(declared == nil)
	}
	table, err := p.sub("io", "buildpacks")
	if err != nil || table == nil {
		return err
	}
	var t ioTable
	if err := p.bind("io.buildpacks", table, &t); err != nil {
		return err
	}
	env := t.Build.Env
	switch {
	case t.Old.Build != nil && p.schema != "0.2":
		p.ignores(ProjectFile, []string{"io.buildpacks.env.build"})
	case env == nil:
		env = t.Old.Build
	}
	return p.take("io.buildpacks", part{t.Group, t.Pre.Group, t.Post.Group, env, t.Include, t.Exclude})
}

// first reads a file of schema 0.1.
func (p projectReader) first(undeclared bool) error {
	if table, err := p.sub("io", "buildpacks"); err == nil && table != nil {
		why := "its schema-version is 0.1"
		if undeclared {
			why = "without a schema-version it is of schema 0.1"
		}
		p.warn(`%s: [io.buildpacks] is ignored, because %s; add schema-version = "0.2" to [_]`, ProjectFile, why)
	}
	table, err := p.sub("build")
	if err != nil && undeclared { // another tool's file, which says nothing of a schema
		return nil
	}
	if err != nil || table == nil {
		return err
	}
	var t buildTable
	if err := p.bind("build", table, &t); err != nil {
		return err
	}
	return p.take("build", part{t.Buildpacks, t.Pre.Group, t.Post.Group, t.Env, t.Include, t.Exclude})
}

// bind fills a struct of the standard's. It warns of keys that it does not have.
func (p projectReader) bind(path string, table map[string]any, to any) error {
	b := binder{doc: p.doc}
	if err := b.bind(path, table, reflect.ValueOf(to).Elem(), rule{}); err != nil {
		return err
	}
	var names []string
	for _, u := range b.unknown {
		names = append(names, u.path)
	}
	p.ignores(ProjectFile, names)
	return nil
}

// part is what the standard's part of a file says, of any schema.
type part struct {
	group, pre, post []groupMember
	env              []variable
	include, exclude []string
}

// take takes the standard's part of the file at a path.
func (p projectReader) take(path string, t part) error {
	if err := p.patterns(path, t.include, t.exclude); err != nil {
		return err
	}
	group, err := p.uses(t.group)
	if err != nil {
		return err
	}
	if p.d.Pre, err = p.uses(t.pre); err != nil {
		return err
	}
	if p.d.Post, err = p.uses(t.post); err != nil {
		return err
	}
	p.choose(ProjectFile, group)
	for _, v := range t.env {
		if v.Name == "" {
			return problemAt(v.Place, fmt.Sprintf("%s: a variable of the build has no name", ProjectFile),
				`write name = "…" and value = "…"`)
		}
		if !p.counts(v.ExecEnv) {
			continue
		}
		if err := p.checkVar(v.Name, v.Place); err != nil {
			return err
		}
		p.setEnv(map[string]string{v.Name: v.Value})
	}
	return nil
}

// counts reports whether what is meant for these execution environments counts in a build, which is for production.
func (p projectReader) counts(execEnv []string) bool {
	return p.schema != "0.3" || len(execEnv) == 0 || slices.Contains(execEnv, "production") ||
		slices.Contains(execEnv, "*")
}

// chooser is the variable that chooses buildpacks. In a file that does that itself it would be a riddle.
const chooser = "SLUGC_BUILDPACK"

func (p projectReader) checkVar(name, place string) error {
	if name == chooser {
		return problemAt(place, ProjectFile+" sets "+chooser+" for the build",
			"list the buildpacks in the file instead")
	}
	return nil
}

// patterns takes what the build gets.
func (p projectReader) patterns(path string, include, exclude []string) error {
	if include != nil && exclude != nil {
		return p.doc.invalid(path, "has both include and exclude", "keep one of them")
	}
	for name, list := range map[string][]string{"include": include, "exclude": exclude} {
		if _, err := ignore.Parse([]byte(strings.Join(list, "\n"))); err != nil {
			return p.doc.invalid(key(path, name), "can't be used: "+err.Error(), "write fewer or shorter patterns")
		}
	}
	if include != nil || exclude != nil {
		p.d.Include, p.d.Exclude = include, exclude
	}
	return nil
}

// uses checks buildpacks of a group.
func (p projectReader) uses(group []groupMember) (list []Use, err error) {
	for _, m := range group {
		u := Use{Ref: m.URI, ID: m.ID, Version: m.Version, Optional: m.Optional, Place: m.Place}
		wrong := ""
		switch {
		case m.ID == "" && m.URI == "":
			wrong = "has neither an id nor a uri"
		case m.URI != "" && m.Version != "":
			wrong = "has a uri and a version"
		case m.URI != "" && m.Script != nil:
			wrong = "has a uri and a script"
		case m.Script != nil && (m.Script.API == "" || strings.TrimSpace(m.Script.Inline) == ""):
			wrong = "has a script without api or without inline"
		case m.Script != nil:
			u.Script = &Script{m.Script.API, m.Script.Shell, m.Script.Inline}
			if u.Script.Shell == "" {
				u.Script.Shell = "/bin/sh"
			}
		case m.URI == "":
			u.Ref = m.ID
			if m.Version != "" {
				u.Ref += "@" + m.Version
			}
		}
		if wrong != "" {
			return nil, problemAt(m.Place, fmt.Sprintf("%s: a buildpack %s", ProjectFile, wrong),
				"give it a uri, or an id, perhaps with a version or with a script { api, inline }")
		}
		if p.counts(m.ExecEnv) {
			list = append(list, u)
		}
	}
	return list, nil
}

// settings reads [com.slugc].
func (p projectReader) settings() error {
	const path = "com.slugc"
	if com, err := p.sub("com"); err == nil {
		for _, name := range slices.Sorted(maps.Keys(com)) {
			if name != "slugc" && distance(strings.ToLower(name), "slugc") < 2 {
				p.warn("%s: [com.%s] is not read; slugc's own table is [com.slugc]", ProjectFile, name)
			}
		}
	}
	table, err := p.sub("com", "slugc")
	if err != nil || table == nil {
		return err
	}
	b := binder{doc: p.doc}
	s := &p.d.Settings
	if err := b.bind(path, table, reflect.ValueOf(s).Elem(), rule{}); err != nil {
		return err
	}
	for _, u := range b.unknown {
		return p.doc.invalid(u.path, "is no setting",
			append(meant(u.name, u.known), "the settings there are "+strings.Join(u.known, ", "))...)
	}
	return p.takeSettings(path, s)
}

// takeSettings joins the settings with what the standard's part says; they win.
func (p projectReader) takeSettings(path string, s *Settings) error {
	if err := p.patterns(path, s.Include, s.Exclude); err != nil {
		return err
	}
	if len(s.Buildpacks) > 0 {
		if p.d.From != "" {
			p.warn("%s: the buildpacks are those of [com.slugc]; the group for other builders is ignored", ProjectFile)
		}
		p.d.From, p.d.Buildpacks = "", nil
		var list []Use
		for i, ref := range s.Buildpacks {
			list = append(list, Use{Ref: ref, Place: p.doc.place(element(path+".buildpacks", i))})
		}
		p.choose(ProjectFile, list)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if err := p.checkVar(name, p.doc.place(key(path+".env", name))); err != nil {
			return err
		}
	}
	p.setEnv(s.Versions.env())
	p.setEnv(s.Env)
	return nil
}

// env are the variables that detection reads versions from.
func (v Versions) env() map[string]string {
	env := map[string]string{}
	for tool, version := range map[string]string{
		"NODE": v.Node, "NPM": v.NPM, "GO": v.Go, "RUBY": v.Ruby, "JDK": v.JDK, "LEININGEN": v.Leiningen,
		"CLOJURE": v.Clojure,
	} {
		if version != "" {
			env["SLUGC_"+tool+"_VERSION"] = version
		}
	}
	return env
}
