package jdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"slugc/buildpacks/toolchain/archive"
	"slugc/buildpacks/toolchain/source"
)

// adoptium is a JDK distribution laid out as the Adoptium API v3. Two documents are read:
//
//	‹base›/v3/info/available_releases            {"most_recent_lts": 25}; only for an app that names no version
//	‹base›/v3/assets/feature_releases/‹N›/ga?…   the releases of Java N, newest first:
//	                                             version_data.openjdk_version, and for each platform
//	                                             binaries[].package with link, name and checksum (sha256)
//
// A mirror is the same two as files. The query names the platform, and a file server ignores it, so
// one file may list every platform. A link may be relative to the base.
type adoptium struct {
	env             *source.Env
	base            string
	system, machine string // the API's names of the platform
}

const (
	officialAPI = "https://api.adoptium.net"
	pageSize    = 20
	maxPages    = 8 // of one feature release
)

func newAdoptium(env *source.Env, setting string) source.Source {
	machine := map[string]string{"amd64": "x64", "arm64": "aarch64"}[env.Arch]
	if machine == "" {
		machine = env.Arch
	}
	a := &adoptium{env, source.BaseAddress(setting, officialAPI), env.OS, machine}
	return &archive.Source{
		Env: env, Label: "Adoptium", Base: a.base, Asks: a.index(), MayRefuse: true,
		Versions: a.versions, Compare: source.CompareNumbers, File: a.file,
		Place: func(ctx context.Context, path, _ string, j *source.Job) error {
			if err := archive.Unpack(ctx, path, j.Tree, 1); err != nil {
				return err
			}
			return finish(j.Tree)
		},
	}
}

func (a *adoptium) index() string { return a.base + "/v3/info/available_releases" }

// release is one release's archive for the platform.
type release struct {
	Link   string `json:"link"`
	SHA256 string `json:"sha256"`
}

// page lists one page of a feature release.
func (a *adoptium) page(ctx context.Context, feature, n int, again bool) (map[string]release, bool, error) {
	query := url.Values{
		"os": {a.system}, "architecture": {a.machine},
		"image_type": {"jdk"}, "jvm_impl": {"hotspot"}, "heap_size": {"normal"},
		"project": {"jdk"}, "vendor": {"eclipse"},
		"sort_order": {"DESC"}, "page_size": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(n)},
	}
	addr := fmt.Sprintf("%s/v3/assets/feature_releases/%d/ga?%s", a.base, feature, query.Encode())
	return source.Document[map[string]release]{Addr: addr, Parse: a.parse}.List(ctx, a.env, again)
}

func (a *adoptium) parse(r io.Reader) (map[string]release, error) {
	var all []struct {
		VersionData struct {
			OpenJDK string `json:"openjdk_version"`
			Semver  string `json:"semver"`
		} `json:"version_data"`
		Binaries []struct {
			OS        string `json:"os"`
			Arch      string `json:"architecture"`
			ImageType string `json:"image_type"`
			Package   struct {
				Link     string `json:"link"`
				Name     string `json:"name"`
				Checksum string `json:"checksum"`
			} `json:"package"`
		} `json:"binaries"`
	}
	if err := source.DecodeJSON(r, "the list of releases", &all); err != nil {
		return nil, err
	}
	found := map[string]release{}
	for _, one := range all {
		version := normalize(one.VersionData.OpenJDK)
		if version == "" {
			version = normalize(one.VersionData.Semver)
		}
		if version == "" {
			continue
		}
		for _, b := range one.Binaries {
			ours := b.OS == a.system && b.Arch == a.machine && b.ImageType == "jdk"
			if _, newer := found[version]; !newer && ours && strings.HasSuffix(b.Package.Name, ".tar.gz") {
				found[version] = release{b.Package.Link, strings.ToLower(b.Package.Checksum)}
			}
		}
	}
	return found, nil
}

// feature is the feature release that a constraint is of.
func (a *adoptium) feature(ctx context.Context, c *source.Constraint) (int, error) {
	if v := normalize(c.Text); v != "" {
		return feature(v), nil
	}
	n, _, err := source.Document[int]{Addr: a.index(), Parse: func(r io.Reader) (int, error) {
		var doc struct {
			LTS int `json:"most_recent_lts"`
		}
		err := source.DecodeJSON(r, "the list of releases", &doc)
		return doc.LTS, err
	}}.List(ctx, a.env, false)
	if err == nil && n == 0 {
		err = errors.New("its list of releases names no long-term one")
	}
	return n, err
}

// versions goes through the pages of a feature release until one has a version that serves.
func (a *adoptium) versions(ctx context.Context, c *source.Constraint, again bool) (source.Listing, bool, error) {
	var l source.Listing
	feature, err := a.feature(ctx, c)
	if err != nil {
		return l, false, err
	}
	allAsked := true
	for n := range maxPages {
		found, asked, err := a.page(ctx, feature, n, again)
		if source.Absent(err) { // the page after the last, or a feature release that does not exist
			break
		}
		if err != nil {
			return l, false, err
		}
		allAsked = allAsked && asked
		l.Versions = append(l.Versions, slices.Collect(maps.Keys(found))...)
		if v, _ := c.Pick(l); v != "" || len(found) < pageSize {
			break
		}
	}
	return l, allAsked, nil
}

func (a *adoptium) file(ctx context.Context, version string) (archive.File, error) {
	one, err := a.release(ctx, version)
	if err != nil {
		return archive.File{}, err
	}
	base, err := url.Parse(a.base + "/")
	if err != nil {
		return archive.File{}, errors.New("its address is not a URL")
	}
	link, err := base.Parse(one.Link)
	if err == nil && base.Scheme != "file" && link.Scheme != "https" && link.Scheme != "http" {
		err = errors.New("it names another kind of place")
	}
	if err != nil {
		return archive.File{}, fmt.Errorf("fetching JDK %s: its address is not a URL", version)
	}
	return archive.File{Name: "JDK " + version, Addr: link.String(), SHA256: one.SHA256}, nil
}

// release finds a version in the pages of its feature release.
func (a *adoptium) release(ctx context.Context, version string) (release, error) {
	for n := range maxPages {
		found, _, err := a.page(ctx, feature(version), n, false)
		if err != nil {
			return release{}, err
		}
		if one, ok := found[version]; ok {
			return one, nil
		}
		if len(found) < pageSize {
			break
		}
	}
	return release{}, source.ErrNoVersion
}
