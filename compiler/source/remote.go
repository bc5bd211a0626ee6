package source

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"

	"slugc/compiler/fault"
	"slugc/detect/lazyregexp"
)

// remote is where a submodule is fetched from. It never holds a password.
type remote struct {
	scheme string // one of schemes
	user   string // of ssh; "" for the others, which never authenticate
	host   string // lower case, with the port if there is one; "" for file
	path   string // starts with a slash, decoded
	home   bool   // ssh: the path is relative to the user's home directory, as in user@host:path
}

// schemes are the protocols of git by which a URL cannot choose a program to run, unlike ext::.
var schemes = []string{"file", "git", "http", "https", "ssh"}

var (
	scpForm  = lazyregexp.New(`^(?:([^@:/]+)@)?([^@:/]+):([^:].*|)$`)
	userForm = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	hostForm = lazyregexp.New(`^(?:[a-z0-9_][a-z0-9_.-]*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$`)
)

// parseRemote reads a URL of .gitmodules: with a scheme, an absolute path, or ssh's user@host:path.
// An error completes the sentence "its URL …".
func parseRemote(raw string) (remote, error) {
	if strings.HasPrefix(raw, "/") {
		return (remote{scheme: "file", path: raw}).checked()
	}
	if scheme, _, ok := strings.Cut(raw, "::"); ok && !strings.ContainsAny(scheme, "/@[") {
		return remote{}, fmt.Errorf("is for git's remote helper %q, and such helpers are not run", scheme)
	}
	if m := scpForm.FindStringSubmatch(raw); m != nil && !strings.Contains(raw, "://") {
		rest, absolute := strings.CutPrefix(m[3], "/")
		r := remote{scheme: "ssh", user: m[1], host: strings.ToLower(m[2]), path: "/" + rest, home: !absolute}
		return r.checked()
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme == "" || u.Opaque != "":
		return remote{}, errors.New("is not one")
	case !slices.Contains(schemes, u.Scheme):
		return remote{}, fmt.Errorf("has the protocol %q, and only %s are known", u.Scheme, strings.Join(schemes, ", "))
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return remote{}, errors.New("has a query or a fragment")
	}
	if _, ok := u.User.Password(); ok {
		return remote{}, errors.New("has a password in it")
	}
	r := remote{scheme: u.Scheme, host: strings.ToLower(u.Host), path: u.Path}
	if r.scheme == "ssh" {
		r.user = u.User.Username()
	}
	return r.checked()
}

// checked refuses a remote that git could take for an option, or that leads elsewhere than it seems
// to.
func (r remote) checked() (remote, error) {
	switch {
	case (r.scheme == "file") != (r.host == ""), r.host != "" && !hostForm.MatchString(r.host):
		return r, errors.New("has no proper host")
	case r.user != "" && !userForm.MatchString(r.user):
		return r, errors.New("names an impossible user")
	case !strings.HasPrefix(r.path, "/"), r.home && strings.HasPrefix(r.path, "/-"):
		return r, errors.New("has no proper path")
	case strings.ContainsFunc(r.path, unicode.IsControl):
		return r, errors.New("has control characters in it")
	}
	for part := range strings.SplitSeq(r.path, "/") {
		if part == "." || part == ".." {
			return r, fmt.Errorf("has %q in its path", part)
		}
	}
	return r, nil
}

// String returns the canonical URL.
func (r remote) String() string {
	u := url.URL{Scheme: r.scheme, Host: r.host, Path: r.path}
	if r.user != "" {
		u.User = url.User(r.user)
	}
	return u.String()
}

// argument returns the remote as an argument for git.
func (r remote) argument() string {
	if !r.home {
		return r.String()
	}
	at := ""
	if r.user != "" {
		at = r.user + "@"
	}
	return at + r.host + ":" + strings.TrimPrefix(r.path, "/")
}

// resolve reads a URL that may be relative to base. As in git-submodule(1), ../lib.git lies beside
// base, not in it.
func resolve(base remote, raw string) (remote, error) {
	if !strings.HasPrefix(raw, "./") && !strings.HasPrefix(raw, "../") {
		return parseRemote(raw)
	}
	base.path = path.Join(base.path, raw)
	return base.checked()
}

var credentials = lazyregexp.New(`//[^\s]*@`)

// shown returns an unchecked URL in a form for errors: without user and password, and not too long.
func shown(raw string) string {
	raw = credentials.ReplaceAllString(raw, "//")
	if len(raw) > 200 {
		raw = strings.ToValidUTF8(raw[:200], "") + "…"
	}
	return fmt.Sprintf("%q", raw)
}

// pattern is one of Submodules.Allow.
type pattern struct {
	remote
	all bool // any path that starts with remote.path
}

func (p pattern) allows(r remote) bool {
	return p.scheme == r.scheme && p.user == r.user && p.host == r.host && p.home == r.home &&
		(p.path == r.path || p.all && strings.HasPrefix(r.path, p.path))
}

// CheckPattern returns an error if a pattern of [Submodules] is wrong: a usage fault
// "source/submodule-pattern".
func CheckPattern(text string) error {
	_, err := parsePattern(text)
	return err
}

func parsePattern(text string) (pattern, error) {
	start, all := strings.CutSuffix(text, "*")
	r, err := parseRemote(start)
	if strings.Contains(start, "*") {
		err = errors.New("has a * elsewhere than at the end")
	}
	if err != nil {
		return pattern{}, fault.UsageError(
			"source/submodule-pattern",
			fmt.Errorf("reading the pattern %s for submodules: it %w", shown(text), err),
			"write a URL such as https://example.com/acme/lib.git, or the start of some, with host and first slash, "+
				"and a `*`: https://example.com/acme/*",
		)
	}
	return pattern{r, all}, nil
}
