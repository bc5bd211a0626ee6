package source

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"slugc/compiler/fault"
)

// ignoreFile names the file with the ignore rules; it may have maxIgnore bytes, and a line of it maxPattern: matching takes
// time by the length of the pattern times that of the name.
const (
	ignoreFile = ".slugignore"
	maxIgnore  = 64 << 10
	maxPattern = 512
)

// rules are the patterns of a `.slugignore`, in its order.
//
// They are gitignore's, to the letter: the test holds them against git itself. go-git's matcher is not used, because a
// negated pattern of its would bring back whole directories and its `**` does not backtrack, neither of which can be mended
// from outside. A pattern becomes a regular expression of Go's kind, so a hostile one costs linear time.
type rules []rule

type rule struct {
	re      *regexp.Regexp
	negated bool // brings back what an earlier pattern left out
	dirOnly bool // speaks of directories
	base    bool // speaks of the last component, at any depth
}

// parseIgnore reads a `.slugignore`.
func parseIgnore(content []byte) (rules, error) {
	if len(content) > maxIgnore {
		return nil, fault.AppError("source/too-large",
			fmt.Errorf("reading %q: it has %d bytes; %d are allowed", ignoreFile, len(content), maxIgnore)).At(ignoreFile)
	}
	var rs rules
	text := strings.TrimPrefix(string(content), "\ufeff")
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		if n++; len(line) > maxPattern {
			return nil, fault.AppError("source/too-large",
				fmt.Errorf("reading %q: line %d has %d bytes; %d are allowed", ignoreFile, n, len(line), maxPattern)).At("%s:%d", ignoreFile, n)
		}
		if r, ok := parseRule(strings.TrimSuffix(line, "\r")); ok {
			rs = append(rs, r)
		}
	}
	return rs, nil
}

func parseRule(line string) (rule, bool) {
	if line == "" || line[0] == '#' {
		return rule{}, false
	}
	var r rule
	p := trimSpaces(line)
	if p, r.negated = strings.CutPrefix(p, "!"); p == "" {
		return rule{}, false
	}
	if p, r.dirOnly = strings.CutSuffix(p, "/"); p == "" {
		return rule{}, false
	}
	r.base = !strings.Contains(p, "/")
	if !r.base {
		p = strings.TrimPrefix(p, "/")
	}
	expr, ok := translate(p, !r.base)
	if !ok {
		return rule{}, false // a pattern that matches nothing, such as an open bracket
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return rule{}, false
	}
	r.re = re
	return r, true
}

// trimSpaces drops trailing spaces that no backslash protects.
func trimSpaces(s string) string {
	end := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ':
			continue
		case '\\':
			i++
		}
		end = min(i+1, len(s))
	}
	return s[:end]
}

// ignored says whether an entry is left out. Its directory must not be: nothing below an ignored directory comes back.
func (rs rules) ignored(name string, dir bool) bool {
	full := widen(name)
	base := path.Base(full)
	for i := len(rs) - 1; i >= 0; i-- {
		r := rs[i]
		if r.dirOnly && !dir {
			continue
		}
		subject := full
		if r.base {
			subject = base
		}
		if r.re.MatchString(subject) {
			return !r.negated
		}
	}
	return false
}

// tree answers for whole paths, parents first, and remembers the directories it has seen.
type tree struct {
	rules rules
	dirs  map[string]bool
	count int
}

func newTree(rs rules) *tree { return &tree{rules: rs, dirs: map[string]bool{}} }

// ignored says whether the file name is left out, by itself or with a directory above it.
func (t *tree) ignored(name string) bool {
	if len(t.rules) == 0 {
		return false
	}
	if t.dir(path.Dir(name)) {
		return true
	}
	if t.rules.ignored(name, false) {
		t.count++
		return true
	}
	return false
}

func (t *tree) dir(dir string) bool {
	if dir == "." {
		return false
	}
	known, ok := t.dirs[dir]
	if ok {
		return known
	}
	out := t.dir(path.Dir(dir))
	if !out && t.rules.ignored(dir, true) {
		out = true
		t.count++
	}
	t.dirs[dir] = out
	return out
}

// widen makes a rune of each byte: git matches bytes, the regexp package runes.
func widen(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			runes := make([]rune, 0, len(s))
			for _, b := range []byte(s) {
				runes = append(runes, rune(b))
			}
			return string(runes)
		}
	}
	return s
}
