// Package descriptor reads what an app's own files say about its build: project.toml, .buildpacks and app.json, which
// are optional.
//
//	d, warnings, err := descriptor.Read(root.FS(), "")
//	// d.From is "project.toml", d.Buildpacks[0].Ref is "https://host/python.tgz"
//
// The first of the files that names buildpacks chooses them, in this order: project.toml, .buildpacks, app.json.
//
//   - project.toml is the project descriptor of Cloud Native Buildpacks, of schema 0.1, 0.2 or 0.3. Without a
//     schema-version it is 0.1, as pack has it. slugc's own settings are its table [com.slugc] ([Settings]): the
//     specification leaves tables with the name of a domain to those who own it, so that one file serves pack too.
//   - .buildpacks has one reference a line, as heroku-buildpack-multi reads it.
//   - app.json is Heroku's manifest of an app, with what dokku adds to it ([App]).
//
// Whatever is there that slugc does not use is named in a warning, once. In [com.slugc] it is an error, because a
// misspelt limit would silently not count.
//
// All of it is text from strangers: files are bounded in size, in depth and in how much they list, and an error is
// always a [*detect.Error] with the place, or the machine's. Functions may be called concurrently.
//
// See the project descriptor extension of the Cloud Native Buildpacks specification,
// https://devcenter.heroku.com/articles/app-json-schema and
// https://dokku.com/docs/appendices/file-formats/app-json/.
package descriptor

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"slugc/detect"
)

// The files that are read, and the bytes each may have.
const (
	ProjectFile    = "project.toml"
	BuildpacksFile = ".buildpacks"
	AppFile        = "app.json"
	MaxBytes       = 256 << 10
)

// Descriptor is what an app's files say. The zero value is that of an app without any.
type Descriptor struct {
	// From is the file that chose the buildpacks; "" if none did.
	From       string
	Buildpacks []Use
	Pre, Post  []Use // stand around whatever buildpacks are chosen, wherever they are chosen
	// Env is build configuration, with the versions as SLUGC_NODE_VERSION and so on. What the builder sets wins.
	Env map[string]string
	// Include and Exclude are patterns of .gitignore for what the build gets. Only one of them has any.
	Include, Exclude []string
	Settings         Settings // [com.slugc], as it is written
	App              *App     // app.json; nil without one
}

// Use is a buildpack that a file names.
type Use struct {
	// Ref is the reference: a URI, an id, or "id@version"; "" for a script. It is as written, except that
	// "heroku/ruby" and its like are slugc's own.
	Ref         string
	ID, Version string  // if the file has them
	Script      *Script // an inline buildpack, else nil
	Optional    bool
	Place       string // "project.toml:12"
}

// Read reads the files of the app in the directory member of fsys; "" is all of fsys. A workspace's own files do not
// count for a member. Warnings are sentences for people.
func Read(fsys fs.FS, member string) (*Descriptor, []string, error) {
	r := reader{in: detect.Input{FS: fsys, Member: member}, d: &Descriptor{Env: map[string]string{}}}
	for _, read := range []func() error{r.project, r.list, r.app} {
		if err := read(); err != nil {
			return nil, nil, err
		}
	}
	if len(r.ignored) > 0 {
		r.warn("%s chooses the buildpacks; those of %s are ignored", r.d.From, strings.Join(r.ignored, " and "))
	}
	return r.d, r.warnings, nil
}

// reader is the state of [Read].
type reader struct {
	in       detect.Input
	d        *Descriptor
	warnings []string
	ignored  []string // files whose buildpacks another file's precede
}

// file reads a file; false if there is none.
func (r *reader) file(name string) ([]byte, bool, error) {
	data, err := detect.ReadFile(r.in, name, MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return data, err == nil, err
}

func (r *reader) warn(format string, args ...any) {
	r.warnings = append(r.warnings, detect.Clean(fmt.Sprintf(format, args...)+"."))
}

// ignores warns of keys of a file that slugc does not use.
func (r *reader) ignores(file string, keys []string) {
	if len(keys) > 0 {
		r.warn("%s: slugc does not use %s", file, strings.Join(keys, ", "))
	}
}

// choose takes a file's buildpacks, unless it has none or another file has chosen.
func (r *reader) choose(file string, list []Use) {
	switch {
	case len(list) == 0:
	case r.d.From != "":
		r.ignored = append(r.ignored, file)
	default:
		r.d.From, r.d.Buildpacks = file, list
		r.takeOwn()
	}
}

// officials are the names by which an app asks its platform for the platform's own buildpack, as Heroku's apps do.
var officials = map[string]string{
	"heroku/ruby": "slugc/ruby", "heroku/nodejs": "slugc/node", "heroku/go": "slugc/go",
	"heroku/clojure": "slugc/clojure",
}

// takeOwn replaces the names of Heroku's buildpacks for the languages that slugc builds itself: an app that comes
// from there wants what its platform has. The address of one still names Heroku's.
func (r *reader) takeOwn() {
	for i := range r.d.Buildpacks {
		u := &r.d.Buildpacks[i]
		if own := officials[u.Ref]; own != "" {
			r.warn("%s: %s is slugc's own buildpack %s here; name Heroku's by its address", u.Place, u.Ref, own)
			u.Ref = own
		}
	}
}

// setEnv adds variables for the build.
func (r *reader) setEnv(vars map[string]string) { maps.Copy(r.d.Env, vars) }
