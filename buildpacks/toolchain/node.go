package toolchain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// nodeTool is Node with npm. The grammar of its constraints (languages.md 3.2): npm ranges; "" and
// "lts/*" for the newest LTS line, "lts/‹codename›", "lts/-1"; "node", "latest", "current" and
// "stable" for the newest release of all.
func nodeTool(st *Store, r *registry) *tool {
	return &tool{
		parse:   func(c string) (*want, error) { return parseNode(c, st.set.AllowWide, st.set.Now) },
		compare: compareSemver,
		sources: []source{&nodeDist{st}, &nodeRegistry{r}},
	}
}

func parseNode(constraint string, allowWide bool, now func() time.Time) (*want, error) {
	c := strings.ToLower(strings.TrimSpace(constraint))
	switch {
	case strings.HasPrefix(c, "iojs"):
		return nil, errors.New("io.js ended in 2015; name a release of Node")
	case c == "" || c == "lts" || strings.HasPrefix(c, "lts/"):
		if err := checkAlias(c); err != nil {
			return nil, err
		}
		return &want{match: anyRelease, pick: func(l *listing) (string, string) {
			m, ok := ltsMajor(l, c, now())
			if !ok {
				return "", ""
			}
			return newest(l.versions, func(v string) bool { return major(v) == m && release(v) }, compareSemver), ""
		}}, nil
	case c == "node" || c == "latest" || c == "current" || c == "stable":
		return &want{match: anyRelease, pick: func(l *listing) (string, string) {
			return newest(l.versions, release, compareSemver), ""
		}}, nil
	}
	match, err := npmRange(c)
	if err != nil {
		return nil, err
	}
	return &want{exact: exactly(c), match: match, pick: func(l *listing) (string, string) {
		v := newest(l.versions, match, compareSemver)
		if allowWide || v == "" {
			return v, ""
		}
		return capWide(l, v, match, constraint, now())
	}}, nil
}

// capWide holds an open range to the newest LTS line: a range such as ">=18" would otherwise move
// an app to a new major, which may not be ready for production, on the day it is released
// (languages.md 3.2).
func capWide(l *listing, v string, match func(string) bool, constraint string, now time.Time) (string, string) {
	m := major(v)
	wide := match(fmt.Sprintf("%d.0.0", m+1)) || match(fmt.Sprintf("%d.0.0", m-1))
	majors := ltsMajors(l, now)
	if !wide || len(majors) == 0 || m <= majors[0] {
		return v, ""
	}
	lts := newest(l.versions, func(v string) bool { return major(v) == majors[0] && match(v) }, compareSemver)
	if lts == "" {
		return v, ""
	}
	return lts, fmt.Sprintf("the range %q admits Node %s; taking %s of the newest LTS line", constraint, v, lts)
}

func anyRelease(v string) bool { return release(v) }

func release(v string) bool { return !strings.ContainsAny(v, "-+") }

// finishNode checks a Node tree and drops what no build reads.
func finishNode(tree string) error {
	info, err := os.Lstat(filepath.Join(tree, "bin", "node"))
	if err != nil || !info.Mode().IsRegular() {
		return errors.New("unpacking node: there is no bin/node in it")
	}
	if err := os.Chmod(filepath.Join(tree, "bin", "node"), 0o755); err != nil {
		return err
	}
	for _, p := range []string{"share/doc", "share/man", "CHANGELOG.md", "README.md", "lib/node_modules/npm/docs", "lib/node_modules/npm/man"} {
		if err := os.RemoveAll(filepath.Join(tree, filepath.FromSlash(p))); err != nil {
			return err
		}
	}
	return nil
}

// nodeArch is Node's name of a processor.
func nodeArch(arch string) string {
	if arch == "amd64" {
		return "x64"
	}
	return arch
}
