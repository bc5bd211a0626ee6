package compiler

import (
	"slugc/cache/digest"
	"slugc/compiler/lifecycle"
	"slugc/compiler/procfile"
	"slugc/compiler/slug"
	"slugc/detect/descriptor"
)

// Result is what a build produced. Its JSON form is `slugc build --json`'s document.
type Result struct {
	App          string                 `json:"app"`
	Slug         Slug                   `json:"slug"`
	Buildpacks   []slug.Buildpack       `json:"buildpacks"`
	Runtimes     []slug.Runtime         `json:"runtimes"`
	ProcessTypes procfile.ProcessMap    `json:"process_types"`
	Release      *Release               `json:"release"` // null where none was asked for
	Cache        []lifecycle.LayerState `json:"cache"`
	Phases       []Phase                `json:"phases"`
	Unchanged    bool                   `json:"unchanged"` // answered from the record, nothing was run
	Commit       string                 `json:"commit,omitempty"`
	Addons       []string               `json:"addons,omitempty"`
	Directory    string                 `json:"directory,omitempty"` // of the app in the slug, see [slug.Manifest]
	AppJSON      *descriptor.App        `json:"app_json,omitempty"`  // what app.json says; nil without one
}

// Slug is the built slug.
type Slug struct {
	Path     string        `json:"path"`
	Digest   digest.Digest `json:"digest"`  // of the file
	Content  digest.Digest `json:"content"` // of what is in it
	Size     int64         `json:"size"`    // bytes of the file
	Sections []Section     `json:"sections"`
}

// Section is a part of the slug.
type Section struct {
	Name   string        `json:"name"`
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`   // bytes in the slug
	Reused string        `json:"reused"` // "all", "part" or "none" of it was compressed before
	Why    string        `json:"why"`
}

// Release is the release that a build was registered as.
type Release struct {
	App     string `json:"app"`
	Version int    `json:"version"`
	Status  string `json:"status"`
	New     bool   `json:"new"` // false: the app's current release already was this slug
}
