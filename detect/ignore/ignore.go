// Package ignore parses `.slugignore` and `.gitignore` and decides which paths they ignore, and by
// which line. [Parse] returns [Rules]; a [Tree] applies them to many paths:
//
//	rules, err := ignore.Parse([]byte("*.log\n!keep.log\ntmp/\n"))
//	tree := ignore.NewTree(rules)
//	tree.Ignored("tmp/cache/a") // true
//
// A git work tree has a .gitignore in any directory: a [Level] is the rules that count in one.
//
// The rules are exactly those of git (see gitignore(5)); a test compares them with git itself. What all
// matches of a file's rules cost together is bounded, because patterns of many wildcards and long
// names may cost a lot: after [MaxSteps] nothing matches, and [Rules.Err] returns an error.
// [MaxBytes] and [MaxLine] limit the input. The package reads no files itself.
package ignore

import (
	"fmt"
	"path"
	"strings"
	"sync/atomic"
)

// MaxBytes is the maximum size of a file of rules and MaxLine that of a line, in bytes. MaxSteps is
// how many bytes all matches of its rules (of all files of a Level) may compare: about half a second.
// The rules of real apps take less than a hundredth of that.
const (
	MaxBytes = 64 << 10
	MaxLine  = 512
	MaxSteps = 1 << 27
)

// Rules are the patterns of one file, in its order. They are immutable and may be used
// concurrently.
type Rules []Rule

// Rule is one pattern and its line. The zero value is not useful.
type Rule struct {
	Line int    // from 1
	Text string // the line without its line end and without trailing spaces, unless a backslash escapes them

	pattern pattern
	spent   *atomic.Int64 // steps of all rules of the file
	negated bool          // it includes again what an earlier pattern ignored
	dirOnly bool          // it matches directories only
	base    bool          // it matches the last component of a path, at any depth
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
func Parse(content []byte) (Rules, error) { return parse(content, new(atomic.Int64)) }

// parse parses a file whose matches take from the budget of spent.
func parse(content []byte, spent *atomic.Int64) (Rules, error) {
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
			r.Line, r.spent = n, spent
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
	tokens, ok := translate(p, !r.base)
	r.pattern = newPattern(tokens)
	return r, ok
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
	if len(rs) == 0 {
		return nil
	}
	left := MaxSteps - rs[0].spent.Load()
	steps := left
	defer func() { rs[0].spent.Add(left - steps) }()
	base := path.Base(name)
	for i := len(rs) - 1; i >= 0; i-- {
		r := &rs[i]
		if r.dirOnly && !dir {
			continue
		}
		subject := name
		if r.base {
			subject = base
		}
		if r.pattern.match(subject, &steps) {
			return r
		}
		if steps < 0 {
			return nil
		}
	}
	return nil
}

// Err returns a [*CostError] if the matches so far have cost too much, so that not all were made.
func (rs Rules) Err() error {
	if len(rs) > 0 && rs[0].spent.Load() > MaxSteps {
		return &CostError{Patterns: len(rs)}
	}
	return nil
}

// CostError reports that a file's rules cost too much.
type CostError struct{ Patterns int }

// Error returns what costs too much.
func (e *CostError) Error() string {
	return fmt.Sprintf("its %d patterns take too long to compare with the names of the files", e.Patterns)
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
