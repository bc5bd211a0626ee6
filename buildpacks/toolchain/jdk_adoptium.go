package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// adoptium is a JDK distribution laid out as the Adoptium API v3. Two documents are read:
//
//	‹base›/v3/info/available_releases              {"most_recent_lts": 25}; only for an app that names no version
//	‹base›/v3/assets/feature_releases/‹N›/ga?…     the releases of Java N, newest first: version_data.openjdk_version, and for each platform
//	                                               binaries[].package with link, name and checksum (sha256)
//
// A mirror is the same two as files: the query says the platform, and a file server ignores it, so
// that one file may list every platform. A link may be relative to the base.
type adoptium struct{ st *Store }

func (*adoptium) name() string { return "Adoptium" }

func (a *adoptium) base() string { return strings.TrimRight(a.st.set.JDKMirror, "/") }

// jdkArchive is one release's archive for the platform.
type jdkArchive struct {
	Link   string `json:"link"`
	SHA256 string `json:"sha256"`
}

const (
	adoptiumPage  = 20
	adoptiumPages = 8 // of one feature release
)

func (a *adoptium) platform() (system, arch string) {
	arch = map[string]string{"amd64": "x64", "arm64": "aarch64"}[a.st.set.Arch]
	if arch == "" {
		arch = a.st.set.Arch
	}
	return a.st.set.OS, arch
}

// page lists one page of a feature release.
func (a *adoptium) page(ctx context.Context, feature, n int, again bool) (map[string]jdkArchive, bool, error) {
	system, arch := a.platform()
	query := url.Values{
		"architecture": {
			arch,
		}, "os": {system}, "image_type": {"jdk"}, "jvm_impl": {"hotspot"}, "heap_size": {"normal"}, "project": {"jdk"}, "vendor": {"eclipse"},
		"sort_order": {"DESC"}, "page_size": {fmt.Sprint(adoptiumPage)}, "page": {fmt.Sprint(n)},
	}
	return list(
		ctx,
		a.st,
		fmt.Sprintf("%s/v3/assets/feature_releases/%d/ga?%s", a.base(), feature, query.Encode()),
		nil,
		a.parse,
		again,
	)
}

func (a *adoptium) parse(r io.Reader) (map[string]jdkArchive, error) {
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
	if err := json.NewDecoder(r).Decode(&all); err != nil {
		return nil, fmt.Errorf("reading the list of releases: %w", plain(err))
	}
	system, arch := a.platform()
	found := map[string]jdkArchive{}
	for _, release := range all {
		version := javaRelease(release.VersionData.OpenJDK)
		if version == "" {
			version = javaRelease(release.VersionData.Semver)
		}
		for _, b := range release.Binaries {
			if _, newer := found[version]; newer || version == "" || b.OS != system || b.Arch != arch ||
				b.ImageType != "jdk" ||
				!strings.HasSuffix(b.Package.Name, ".tar.gz") {
				continue
			}
			found[version] = jdkArchive{b.Package.Link, strings.ToLower(b.Package.Checksum)}
		}
	}
	return found, nil
}

// feature is the feature release that a constraint is of.
func (a *adoptium) feature(ctx context.Context, w *want) (int, error) {
	if v := javaRelease(w.text); v != "" {
		return jdkFeature(v), nil
	}
	n, _, err := list(ctx, a.st, a.base()+"/v3/info/available_releases", nil, func(r io.Reader) (int, error) {
		var doc struct {
			LTS int `json:"most_recent_lts"`
		}
		if err := json.NewDecoder(r).Decode(&doc); err != nil {
			return 0, fmt.Errorf("reading the list of releases: %w", plain(err))
		}
		return doc.LTS, nil
	}, false)
	if err == nil && n == 0 {
		err = errors.New("its list of releases names no long-term one")
	}
	return n, err
}

func (a *adoptium) find(ctx context.Context, w *want) (string, string, error) {
	if a.st.set.JDKMirror == off {
		return "", "", errDisabled
	}
	feature, err := a.feature(ctx, w)
	if err != nil {
		return "", "", err
	}
	version, known, err := a.search(ctx, feature, w)
	if err != nil {
		return "", "", err
	}
	if version == "" {
		return "", "", &noVersion{nearest(known, w.text, compareJDK)}
	}
	return version, "", nil
}

// search goes through the pages until one has a version that fits.
func (a *adoptium) search(ctx context.Context, feature int, w *want) (version string, known []string, err error) {
	for _, again := range []bool{false, true} {
		allAsked := true
		known = nil
		for n := range adoptiumPages {
			found, asked, err := a.page(ctx, feature, n, again)
			if absent(err) { // the page after the last, or a feature release that does not exist
				break
			}
			if err != nil {
				return "", nil, err
			}
			allAsked = allAsked && asked
			l := &listing{}
			for v := range found {
				l.versions = append(l.versions, v)
			}
			if v, _ := w.pick(l); v != "" {
				return v, nil, nil
			}
			known = append(known, l.versions...)
			if len(found) < adoptiumPage {
				break
			}
		}
		if allAsked || again {
			return "", known, nil
		}
	}
	return "", nil, nil
}

func (a *adoptium) archive(ctx context.Context, version string) (jdkArchive, error) {
	for n := range adoptiumPages {
		found, _, err := a.page(ctx, jdkFeature(version), n, false)
		if err != nil {
			return jdkArchive{}, err
		}
		if one, ok := found[version]; ok || len(found) < adoptiumPage {
			if !ok {
				break
			}
			return one, nil
		}
	}
	return jdkArchive{}, errNoVersion
}

func (a *adoptium) fetch(ctx context.Context, version string, j *job) (string, error) {
	one, err := a.archive(ctx, version)
	if err != nil {
		return "", err
	}
	if b, err := hex.DecodeString(one.SHA256); err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("verifying JDK %s: the list states no sha256 for it", version)
	}
	base, err := url.Parse(a.base() + "/")
	if err != nil {
		return "", errors.New("its address is not a URL")
	}
	link, err := base.Parse(one.Link)
	if err != nil {
		return "", fmt.Errorf("fetching JDK %s: its address is not a URL", version)
	}
	packed := filepath.Join(j.temp, "jdk.tar.gz")
	h := sha256.New()
	if err := a.st.web.download(ctx, link.String(), nil, packed, j.part(), h); err != nil {
		return "", err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != one.SHA256 {
		return "", &digestError{"JDK " + version, "sha256:" + one.SHA256, "sha256:" + got}
	}
	if err := unpackFile(ctx, packed, j.tree, 1); err != nil {
		return "", fmt.Errorf("unpacking JDK %s: %w", version, err)
	}
	return "sha256:" + one.SHA256, finishJDK(j.tree)
}
