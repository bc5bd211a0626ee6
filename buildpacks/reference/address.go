package reference

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"slugc/detect/lazyregexp"
)

var (
	scpForm   = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9_.-]+:[^:]`)
	shortForm = lazyregexp.New(`^[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*(@[A-Za-z0-9][A-Za-z0-9._+-]*)?$`)
	idForm    = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)

	versionForm = lazyregexp.New(`^[A-Za-z0-9._+~-]*$`)
)

// parseURL reads the address of an archive or a repository.
func parseURL(text string) (Ref, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return Ref{}, errors.New("it is not a URL")
	}
	if u.Scheme == "git" && strings.EqualFold(u.Host, "github.com") { // which no longer speaks git's own protocol
		u.Scheme = "https"
	}
	switch u.Scheme {
	case "ssh":
		return parseGit(text)
	case "https", "http":
	default:
		return Ref{}, fmt.Errorf("the protocol %q is not used to fetch: it is not safe, or not known", u.Scheme)
	}
	if isArchive(u) {
		return parseArchive(text, u)
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return Ref{}, errors.New("http is not safe for a repository: use https or ssh")
	}
	if u.RawQuery != "" {
		return Ref{}, errors.New("a repository's address has no query: variables for a buildpack are set with --env")
	}
	r := Ref{Kind: Git, Text: shown(text)}
	if r.Rev, r.Sub, err = parseRev(u.Fragment); err != nil {
		return Ref{}, err
	}
	u.Fragment, u.RawFragment = "", ""
	r.Addr = u.String()
	return r, nil
}

// isArchive reports whether an address is one of an archive: by the end of its path, its digest, or the way in which
// GitHub names archives.
func isArchive(u *url.URL) bool {
	if strings.HasPrefix(u.Fragment, "sha256=") {
		return true
	}
	for _, s := range archiveSuffixes {
		if strings.HasSuffix(u.Path, s) {
			return true
		}
	}
	parts := strings.Split(u.Path, "/")
	return slices.ContainsFunc(parts, func(p string) bool { return p == "tarball" || p == "zipball" })
}

func parseArchive(text string, u *url.URL) (Ref, error) {
	r := Ref{Kind: Archive, Text: shown(text)}
	if u.Fragment != "" {
		var err error
		if r.SHA256, err = parseSum(u.Fragment); err != nil {
			return Ref{}, err
		}
	}
	if u.Scheme == "http" && r.SHA256 == "" && !isLoopback(u.Hostname()) {
		return Ref{}, errors.New("http is not safe without #sha256=: use https, or state the archive's digest")
	}
	u.Fragment, u.RawFragment = "", ""
	r.Addr = u.String()
	return r, nil
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// parseRev reads "REV", "REV:dir" or ":dir".
func parseRev(fragment string) (rev, sub string, err error) {
	rev, sub, _ = strings.Cut(fragment, ":")
	sub = strings.Trim(sub, "/")
	switch {
	case strings.HasPrefix(rev, "-") || strings.ContainsAny(rev, " ~^\\*?[") || strings.Contains(rev, ".."):
		return "", "", fmt.Errorf("%q is not the name of a branch, a tag or a commit", rev)
	case sub != "" && !filepath.IsLocal(sub):
		return "", "", fmt.Errorf("the directory %q leads out of the repository", sub)
	case sub != "":
		sub = path.Clean(sub)
	}
	return rev, sub, nil
}

// parseGit reads user@host:path and ssh://.
func parseGit(text string) (Ref, error) {
	addr, fragment, _ := strings.Cut(text, "#")
	r := Ref{Kind: Git, Text: shown(text), Addr: addr}
	if strings.Contains(addr, "://-") || strings.Contains(addr, "@-") || strings.Contains(addr, ":-") {
		return Ref{}, errors.New("it has a host or a path that starts with a dash")
	}
	var err error
	r.Rev, r.Sub, err = parseRev(fragment)
	return r, err
}

// parseFile reads a file URL: of a repository, of a directory or of an archive.
func parseFile(text, rest string) (Ref, error) {
	at, fragment, _ := strings.Cut(rest, "#")
	at, err := url.PathUnescape(strings.TrimPrefix(at, "localhost"))
	if err != nil || !filepath.IsAbs(at) {
		return Ref{}, errors.New("a file address is file:// and an absolute path")
	}
	at = filepath.Clean(at)
	info, err := os.Stat(at)
	if err != nil {
		return Ref{}, errReading(at, reason(err))
	}
	if !info.IsDir() || fragment == "" && !exists(filepath.Join(at, ".git")) && !exists(filepath.Join(at, "objects")) {
		r, err := parsePath(strings.TrimSuffix(at+"#"+fragment, "#"), "/")
		r.Text = text
		return r, err
	}
	r := Ref{Kind: Git, Text: text, Addr: "file://" + at}
	r.Rev, r.Sub, err = parseRev(fragment)
	return r, err
}

// parseImage reads docker://host/name:tag, and pack's docker:/name.
func parseImage(text string) (Ref, error) {
	image := strings.TrimLeft(strings.TrimPrefix(text, "docker:"), "/")
	ref, err := name.ParseReference(image)
	if err != nil {
		return Ref{}, fmt.Errorf("%.200q is not the name of an image", image)
	}
	return Ref{Kind: Image, Text: text, Addr: ref.Name()}, nil
}

// parseURN reads the URNs of buildpacks: of the CNB registry (RFC 22 of buildpacks), of a builder's, and Heroku's.
func parseURN(text string) (Ref, error) {
	if id, ok := strings.CutPrefix(text, "urn:buildpack:"); ok {
		r, err := parseShort(id)
		r.Text = text
		return r, err
	}
	if id, ok := strings.CutPrefix(text, "urn:cnb:registry:"); ok {
		id, version, _ := strings.Cut(id, "@")
		if !idForm.MatchString(id) || strings.Count(id, "/") != 1 {
			return Ref{}, fmt.Errorf("%q is not the name of a buildpack in the registry, as ns/name is", id)
		}
		return Ref{Kind: Registry, Text: text, ID: id, Rev: version}, nil
	}
	if id, ok := strings.CutPrefix(text, "urn:cnb:builder:"); ok {
		if own, version, ok := builtin(id); ok {
			return Ref{Kind: Builtin, Text: text, ID: own, Rev: version}, nil
		}
		id, _, _ = strings.Cut(id, "@")
		return Ref{}, failed(Writer, "buildpack/no-builder",
			fmt.Errorf("slugc has no builder image that could hold %q", id),
			"name the buildpack's image by docker://, or the registry's by urn:cnb:registry:")
	}
	return Ref{}, errors.New("it is a URN that is not one of a buildpack")
}

// herokus are Heroku's classic buildpacks, by their short names, and the names of their repositories.
var herokus = map[string]string{
	"ruby": "ruby", "nodejs": "nodejs", "python": "python", "go": "go", "java": "java", "php": "php",
	"clojure": "clojure", "scala": "scala", "gradle": "gradle", "jvm": "jvm-common", "static": "static",
}

// parseShort reads heroku/python, another name of Heroku's registry, or ns/name@version.
func parseShort(text string) (Ref, error) {
	id, version, versioned := strings.Cut(text, "@")
	if own, ok := strings.CutPrefix(text, "heroku/"); ok && herokus[own] != "" {
		return Ref{Kind: Git, Text: text, Addr: "https://github.com/heroku/heroku-buildpack-" + herokus[own]}, nil
	}
	switch {
	case !shortForm.MatchString(text):
		return Ref{}, fmt.Errorf("%q is not the name of a buildpack, as ns/name is", text)
	case versioned:
		return Ref{Kind: Registry, Text: text, ID: id, Rev: version}, nil
	}
	return Ref{Kind: Archive, Text: text, ID: id}, nil
}
