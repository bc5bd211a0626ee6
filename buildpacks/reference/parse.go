package reference

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/cache/digest"
)

// RefKind is where a reference leads.
type RefKind string

// Where references lead.
const (
	Builtin   RefKind = "builtin"   // one of slugc's own
	Directory RefKind = "directory" // of this machine
	Archive   RefKind = "archive"   // a file of this machine or an address
	Git       RefKind = "git"       // a repository
	Image     RefKind = "image"     // a buildpackage in a registry
	Registry  RefKind = "registry"  // a name in the CNB registry, which leads to an image
)

// Ref is a parsed reference. The zero value names nothing.
type Ref struct {
	Kind RefKind
	Text string // as written, credentials removed

	ID     string        // of a built-in buildpack: "node"; of the CNB registry or Heroku's: "ns/name"
	Path   string        // of a directory or an archive of this machine, absolute
	Addr   string        // of anything else, with its credentials: only to fetch it; "" for an ID of Heroku's registry
	Rev    string        // branch, tag or commit of a repository; "" for its default branch; the version of an ID
	Sub    string        // the directory in the tree that has the buildpack, slash-separated; "" for its root
	SHA256 digest.Digest // that an archive must have; "" for any
}

// builtins are the ids of the built-in buildpacks, without "slugc/".
var builtins = []string{"ruby", "node", "go", "clojure"}

// archiveSuffixes are the ends of names of archives.
var archiveSuffixes = []string{
	".tgz", ".tar.gz", ".tbz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".tzst", ".tar.zst", ".tar", ".zip", ".cnb",
}

// Parse reads a reference. Relative paths are relative to dir, an absolute path. The forms are
//
//	node, slugc/node                       a built-in buildpack
//	./dir, /dir, dir                       a directory
//	bp.tgz, bp.cnb, bp.zip, …              an archive of this machine; with #sha256=‹hex› it must have that digest
//	https://host/bp.tgz#sha256=‹hex›       an archive
//	https://host/bp.git#REV                a git repository, also git@host:bp.git, ssh://, file://; REV is a branch,
//	                                       a tag or a commit, and REV:dir a directory in it
//	docker://host/name:tag, …@sha256:…     an image
//	urn:cnb:registry:ns/name@version       a buildpack of the CNB registry
//	heroku/python, ns/name                 one of Heroku's classic buildpacks, or of its registry for everyone's
//	ns/name@version                        the same as urn:cnb:registry:ns/name@version
//
// An error is an [*Error] with the id "buildpack/reference-invalid", or "buildpack/not-found" for a path.
func Parse(text, dir string) (Ref, error) {
	text = strings.TrimSpace(text)
	r, err := parse(text, dir)
	if err == nil {
		return r, nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = failed(Writer, "buildpack/reference-invalid", err,
			"name a built-in buildpack, a directory, an archive, a git address or docker://IMAGE")
	}
	e.Ref = shown(text)
	return Ref{}, e
}

func parse(text, dir string) (Ref, error) {
	switch {
	case text == "":
		return Ref{}, errors.New("it is empty")
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return Ref{}, errors.New("it has control characters")
	}
	if id, version, ok := builtin(text); ok {
		return Ref{Kind: Builtin, Text: text, ID: id, Rev: version}, nil
	}
	if id, ok := strings.CutPrefix(text, "from=builder:"); ok { // pack's older form
		text = "urn:cnb:builder:" + id
	}
	scheme, rest, isURL := strings.Cut(text, "://")
	switch {
	case strings.HasPrefix(text, "docker:"):
		return parseImage(text)
	case strings.HasPrefix(text, "urn:"):
		return parseURN(text)
	case isURL && scheme == "file":
		return parseFile(text, rest)
	case isURL:
		return parseURL(text)
	case scpForm.MatchString(text):
		return parseGit(text)
	case shortForm.MatchString(text) && !exists(filepath.Join(dir, text)):
		return parseShort(text)
	}
	return parsePath(text, dir)
}

// builtin reads the id of a built-in buildpack, which may have "slugc/" before it and a version after it.
func builtin(text string) (id, version string, ok bool) {
	id, version, _ = strings.Cut(strings.TrimPrefix(text, "slugc/"), "@")
	return id, version, slices.Contains(builtins, id)
}

// Named is the reference to a Cloud Native Buildpack that is named by its id, as project.toml does: a built-in one, or
// one of the CNB registry. An empty version is any.
func Named(id, version string) string {
	text := strings.TrimSuffix(id+"@"+version, "@")
	if _, _, ok := builtin(text); ok {
		return text
	}
	return "urn:cnb:registry:" + text
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// parsePath reads a path of this machine.
func parsePath(text, dir string) (Ref, error) {
	path, fragment, _ := strings.Cut(text, "#")
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	if err != nil {
		return Ref{}, errReading(path, reason(err))
	}
	r := Ref{Kind: Archive, Text: text, Path: path}
	switch {
	case info.IsDir():
		r.Kind = Directory
		if fragment != "" {
			return Ref{}, fmt.Errorf("a directory has no part after #, and it has %q: for a repository write file://",
				fragment)
		}
	case !info.Mode().IsRegular():
		return Ref{}, fmt.Errorf("%q is neither a directory nor a file", path)
	case fragment != "":
		r.SHA256, err = parseSum(fragment)
	}
	return r, err
}

// parseSum reads the fragment of an archive's address.
func parseSum(fragment string) (digest.Digest, error) {
	hex, ok := strings.CutPrefix(fragment, "sha256=")
	sum, err := digest.FromHex(strings.ToLower(hex))
	if !ok || err != nil {
		return "", fmt.Errorf("an archive has #sha256= and 64 hexadecimal digits, and this is %.80q", fragment)
	}
	return sum, nil
}

// Local reports whether the reference leads to files of this machine: by a path, or by an address file://.
func (r Ref) Local() bool { return r.Path != "" || strings.HasPrefix(r.Addr, "file:") }
