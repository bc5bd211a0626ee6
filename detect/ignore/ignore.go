// Package ignore parses `.slugignore` and `.gitignore` and decides which paths they ignore, and by
// which line. [Parse] returns [Rules]; a [Tree] applies them to many paths:
//
//	rules, err := ignore.Parse([]byte("*.log\n!keep.log\ntmp/\n"))
//	tree := ignore.NewTree(rules)
//	tree.Ignored("tmp/cache/a") // true
//
// The rules are exactly those of git (see gitignore(5)); a test compares them with git itself. Each
// pattern becomes a regular expression of package regexp, which matches in linear time, so that no
// pattern can be expensive. [MaxBytes] and [MaxLine] limit the input. The package does not look for
// ignore files in subdirectories and reads no files itself.
package ignore

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// MaxBytes is the maximum size of a file of rules and MaxLine that of a line, in bytes. They bound
// the time of a match, which grows with the length of the pattern times that of the name.
const (
	MaxBytes = 64 << 10
	MaxLine  = 512
)

// Rules are the patterns of one file, in its order. They are immutable and may be used
// concurrently.
type Rules []Rule

// Rule is one pattern and its line. The zero value is not useful.
type Rule struct {
	Line int    // from 1
	Text string // the line without its line end and without trailing spaces, unless a backslash escapes them

	re      *regexp.Regexp
	negated bool // it includes again what an earlier pattern ignored
	dirOnly bool // it matches directories only
	base    bool // it matches the last component of a path, at any depth
}

// LimitError reports a file of rules, or a line in it, that is longer than allowed.
type LimitError struct {
	Line        int // 0 for the whole file
	Size, Limit int // bytes
}

// Error returns the size and the limit.
func (e *LimitError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: it has %d bytes; %d are allowed", e.Line, e.Size, e.Limit)
	}
	return fmt.Sprintf("it has %d bytes; %d are allowed", e.Size, e.Limit)
}

// Parse parses the content of a file of rules. It skips a pattern that can match nothing, such as
// one with an open bracket, as git does. Its error is a [*LimitError].
func Parse(content []byte) (Rules, error) {
	if len(content) > MaxBytes {
		return nil, &LimitError{Size: len(content), Limit: MaxBytes}
	}
	var rs Rules
	text := strings.TrimPrefix(string(content), "\ufeff")
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		if n++; len(line) > MaxLine {
			return nil, &LimitError{Line: n, Size: len(line), Limit: MaxLine}
		}
		if r, ok := parseRule(strings.TrimSuffix(line, "\r")); ok {
			r.Line = n
			rs = append(rs, r)
		}
	}
	return rs, nil
}

func parseRule(line string) (Rule, bool) {
	if line == "" || line[0] == '#' {
		return Rule{}, false
	}
	p := trimSpaces(line)
	r := Rule{Text: p}
	if p, r.negated = strings.CutPrefix(p, "!"); p == "" {
		return Rule{}, false
	}
	if p, r.dirOnly = strings.CutSuffix(p, "/"); p == "" {
		return Rule{}, false
	}
	r.base = !strings.Contains(p, "/")
	if !r.base {
		p = strings.TrimPrefix(p, "/")
	}
	expr, ok := translate(p, !r.base)
	if !ok {
		return Rule{}, false
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return Rule{}, false
	}
	r.re = re
	return r, true
}

// trimSpaces removes trailing spaces that no backslash escapes.
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

// Ignored reports whether the rules ignore the entry name (relative, slash-separated); dir is set
// for a directory. It does not look at the directories above the entry, which must not be ignored:
// everything below an ignored directory is. [Tree] and [Rules.Why] check them.
func (rs Rules) Ignored(name string, dir bool) bool {
	r := rs.last(name, dir)
	return r != nil && !r.negated
}

// last returns the rule that decides on an entry; nil if none matches it.
func (rs Rules) last(name string, dir bool) *Rule {
	full := widen(name)
	base := path.Base(full)
	for i := len(rs) - 1; i >= 0; i-- {
		r := &rs[i]
		if r.dirOnly && !dir {
			continue
		}
		subject := full
		if r.base {
			subject = base
		}
		if r.re.MatchString(subject) {
			return r
		}
	}
	return nil
}

// Why returns the rule that ignores the file name (relative, slash-separated, clean) or a directory
// above it. It returns false if there is none.
func (rs Rules) Why(name string) (Rule, bool) {
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		if r := rs.last(name[:i], i < len(name)); r != nil && !r.negated {
			return *r, true
		}
	}
	return Rule{}, false
}

// widen turns each byte into a rune, because git matches bytes and package regexp matches runes.
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
