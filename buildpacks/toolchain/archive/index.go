package archive

import (
	"context"
	"io"
	"maps"
	"slices"

	"slugc/buildpacks/toolchain/source"
)

// Index lists one file for each version. Its methods are a Source's Versions and File.
type Index struct {
	Env  *source.Env
	Base string // address that names of files are relative to
	// Addr is the document that lists them, and Parse reads it. With an empty Addr the files
	// are those in Known.
	Addr  string
	Parse func(io.Reader) (map[string]Entry, error)
	Known map[string]Entry
}

// Entry is the file of a version.
type Entry struct {
	File   string `json:"file"` // slash-separated, relative to the base
	SHA256 string `json:"sha256"`
	Rank   int    `json:"rank,omitempty"` // how well it suits the platform, where several files do; higher is better
}

func (i Index) entries(ctx context.Context, again bool) (entries map[string]Entry, asked bool, err error) {
	if i.Addr == "" {
		return i.Known, true, nil
	}
	return source.Document[map[string]Entry]{Addr: i.Addr, Parse: i.Parse}.List(ctx, i.Env, again)
}

// Versions lists all versions.
func (i Index) Versions(ctx context.Context, _ *source.Constraint, again bool) (source.Listing, bool, error) {
	all, asked, err := i.entries(ctx, again)
	return source.Listing{Versions: slices.Collect(maps.Keys(all))}, asked, err
}

// File returns the file of a version.
func (i Index) File(ctx context.Context, version string) (File, error) {
	all, _, err := i.entries(ctx, false)
	if err != nil {
		return File{}, err
	}
	one, ok := all[version]
	if !ok {
		return File{}, source.ErrNoVersion
	}
	return File{Name: one.File, Addr: i.Base + "/" + one.File, SHA256: one.SHA256}, nil
}
