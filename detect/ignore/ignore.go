// Package ignore reads `.slugignore` and `.gitignore` and says which paths they leave out, and by
// which line.
//
// The rules are gitignore's, to the letter: the test holds them against git itself. A pattern
// becomes a regular expression of Go's kind, so a hostile one costs linear time; what is read is
// bounded by [MaxBytes] and [MaxLine].
package ignore

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// MaxBytes is how long a file of rules may be, MaxLine how long a line of it, in bytes: matching
// takes time by the length of the pattern times that of the name.
const (
	MaxBytes = 64 << 10
	MaxLine  = 512
)

// Rules are the patterns of one file, in its order. They don't change, and many goroutines may use
// them.
type Rules []Rule

// Rule is one pattern and where it stands. The zero value is not useful.
type Rule struct {
	Line int    // counted from 1
	Text string // the line without what ends it, and without trailing spaces that no backslash protects

	re      *regexp.Regexp
	negated bool // brings back what an earlier pattern left out
	dirOnly bool // speaks of directories
	base    bool // speaks of the last component, at any depth
}

// LimitError says that a file of rules, or a line of it, is longer than allowed.
type LimitError struct {
	Line        int // 0 for the whole file
	Size, Limit int // bytes
}

func (e *LimitError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: it has %d bytes; %d are allowed", e.Line, e.Size, e.Limit)
	}
	return fmt.Sprintf("it has %d bytes; %d are allowed", e.Size, e.Limit)
}

// Parse reads the content of a file of rules. A pattern that can match nothing, such as one with an
// open bracket, is passed over, as git does. Its error is a [*LimitError].
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

// Ignored says whether the entry name (relative, slash-separated), a directory if dir says so, is
// left out. The directories above it must not be: nothing below an ignored directory comes back.
// [Tree] and [Rules.Why] see to that by themselves.
func (rs Rules) Ignored(name string, dir bool) bool {
	r := rs.last(name, dir)
	return r != nil && !r.negated
}

// last returns the rule that decides on an entry, nil if none speaks of it.
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

// Why returns the rule that leaves out the file name (relative, slash-separated, clean), by itself
// or with a directory above it, and whether there is one.
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
