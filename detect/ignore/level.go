package ignore

import "sync/atomic"

// Level is the rules that count in one directory of a git work tree: the directory's own, and where
// they do not decide, those of the levels above (gitignore(5)). It is immutable and may be used
// concurrently. A nil Level has no rules.
type Level struct {
	up    *Level
	base  string // the directory, with a slash at the end; "" for the work tree's root
	rules Rules
	spent *atomic.Int64 // steps of all levels together
	total int           // rules of this level and those above
}

// Below returns the level of the directory dir (relative to the work tree, slash-separated, clean;
// "." for its root) with the rules of one more file there. These count before those of l. Its error
// is a [*LimitError].
func (l *Level) Below(dir string, content []byte) (*Level, error) {
	next := &Level{up: l, spent: new(atomic.Int64)}
	if l != nil {
		next.spent, next.total = l.spent, l.total
	}
	if dir != "." {
		next.base = dir + "/"
	}
	var err error
	next.rules, err = parse(content, next.spent)
	next.total += len(next.rules)
	return next, err
}

// Ignored reports whether the rules ignore the entry name of a directory that the level is for. The
// name is relative to the work tree; dir is set for a directory. As with [Rules.Ignored], the
// directories above must not be ignored.
func (l *Level) Ignored(name string, dir bool) bool {
	for ; l != nil; l = l.up {
		if r := l.rules.last(name[len(l.base):], dir); r != nil {
			return !r.negated
		}
	}
	return false
}

// Err returns the error of [Rules.Err] for all levels.
func (l *Level) Err() error {
	if l != nil && l.spent.Load() > MaxSteps {
		return &CostError{Patterns: l.total}
	}
	return nil
}
