package git

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"

	"slugc/detect/lazyregexp"
)

// Remote is where a repository is fetched from. It never holds a password.
type Remote struct {
	Scheme string // one of schemes
	User   string // of ssh; "" for the others, which never authenticate
	Host   string // lower case, with the port if there is one; "" for file
	Path   string // starts with a slash, decoded
	Home   bool   // ssh: the path is relative to the user's home directory, as in user@host:path
}

// schemes are the protocols of git by which a URL cannot choose a program to run, unlike ext::.
var schemes = []string{"file", "git", "http", "https", "ssh"}

var (
	scpForm  = lazyregexp.New(`^(?:([^@:/]+)@)?([^@:/]+):([^:].*|)$`)
	userForm = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	hostForm = lazyregexp.New(`^(?:[a-z0-9_][a-z0-9_.-]*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$`)
)

// ParseRemote reads a URL of .gitmodules: with a scheme, an absolute path, or ssh's user@host:path.
// An error completes the sentence "its URL …".
func ParseRemote(raw string) (Remote, error) {
	if strings.HasPrefix(raw, "/") {
		return (Remote{Scheme: "file", Path: raw}).checked()
	}
	if scheme, _, ok := strings.Cut(raw, "::"); ok && !strings.ContainsAny(scheme, "/@[") {
		return Remote{}, fmt.Errorf("is for git's remote helper %q, and such helpers are not run", scheme)
	}
	if m := scpForm.FindStringSubmatch(raw); m != nil && !strings.Contains(raw, "://") {
		rest, absolute := strings.CutPrefix(m[3], "/")
		r := Remote{Scheme: "ssh", User: m[1], Host: strings.ToLower(m[2]), Path: "/" + rest, Home: !absolute}
		return r.checked()
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme == "" || u.Opaque != "":
		return Remote{}, errors.New("is not one")
	case !slices.Contains(schemes, u.Scheme):
		return Remote{}, fmt.Errorf("has the protocol %q, and only %s are known", u.Scheme, strings.Join(schemes, ", "))
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return Remote{}, errors.New("has a query or a fragment")
	}
	if _, ok := u.User.Password(); ok {
		return Remote{}, errors.New("has a password in it")
	}
	r := Remote{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: u.Path}
	if r.Scheme == "ssh" {
		r.User = u.User.Username()
	}
	return r.checked()
}

// checked refuses a Remote that git could take for an option, or that leads elsewhere than it seems
// to.
func (r Remote) checked() (Remote, error) {
	switch {
	case (r.Scheme == "file") != (r.Host == ""), r.Host != "" && !hostForm.MatchString(r.Host):
		return r, errors.New("has no proper host")
	case r.User != "" && !userForm.MatchString(r.User):
		return r, errors.New("names an impossible user")
	case !strings.HasPrefix(r.Path, "/"), r.Home && strings.HasPrefix(r.Path, "/-"):
		return r, errors.New("has no proper path")
	case strings.ContainsFunc(r.Path, unicode.IsControl):
		return r, errors.New("has control characters in it")
	}
	for part := range strings.SplitSeq(r.Path, "/") {
		if part == "." || part == ".." {
			return r, fmt.Errorf("has %q in its path", part)
		}
	}
	return r, nil
}

// String returns the canonical URL.
func (r Remote) String() string {
	u := url.URL{Scheme: r.Scheme, Host: r.Host, Path: r.Path}
	if r.User != "" {
		u.User = url.User(r.User)
	}
	return u.String()
}

// Argument returns the Remote as an argument for git.
func (r Remote) Argument() string {
	if !r.Home {
		return r.String()
	}
	at := ""
	if r.User != "" {
		at = r.User + "@"
	}
	return at + r.Host + ":" + strings.TrimPrefix(r.Path, "/")
}

// Resolve reads a URL that may be relative to base. As in git-submodule(1), ../lib.git lies beside
// base, not in it.
func Resolve(base Remote, raw string) (Remote, error) {
	if !strings.HasPrefix(raw, "./") && !strings.HasPrefix(raw, "../") {
		return ParseRemote(raw)
	}
	base.Path = path.Join(base.Path, raw)
	return base.checked()
}

var credentials = lazyregexp.New(`//[^\s]*@`)

// Shown returns an unchecked URL in a form for errors: without user and password, and not too long.
func Shown(raw string) string {
	raw = credentials.ReplaceAllString(raw, "//")
	if len(raw) > 200 {
		raw = strings.ToValidUTF8(raw[:200], "") + "…"
	}
	return fmt.Sprintf("%q", raw)
}
