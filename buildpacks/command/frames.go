package command

import (
	"slices"

	"slugc/detect/lazyregexp"
)

// frame matches the lines of stack traces, trimmed, of Java and Clojure (Throwable.printStackTrace, and the
// vectors of clojure.main), Node.js, Ruby, Python and Go. They say where a program was and not what failed.
var frame = lazyregexp.New(`^at \S|` +
	`^(?:[\w.-]+/)*[\w.$/<>!?*+'-]+ ?\([\w$.-]+\.(?:cljc?|java|kt|scala|groovy):-?\d+\)$|` +
	`^\[+:?[\w.$-]+,? \S+ "?[\w.-]+\.(?:cljc?|java)"?,? -?\d+\]+$|^\.\.\. \d+ (?:more|common frames omitted)$|` +
	`^(?:from )?(?:<internal:)?\S+:\d+:in (?:` + "`" + `|'|block|<)|^node:internal/\S+:\d+$|^\^+$|^throw \w+;?.*$|` +
	`^File "[^"]+", line \d+(?:, in \S+)?$|^goroutine \d+ \[|^\S+\.go:\d+(?: \+0x[0-9a-f]+)?$|` +
	`^(?:created by )?[\w./*()-]+\.[\w.*()-]+\((?:\{?0x[0-9a-f]+.*|\.\.\.)?\)(?: in goroutine \d+)?$|` +
	`^Full report at:?$|^/\S+/clojure-\d+\.edn$`)

// withoutFrames returns the lines that are not of a stack trace; all of them if there are no others.
func withoutFrames(lines []string) []string {
	said := slices.DeleteFunc(slices.Clone(lines), frame.MatchString)
	if len(said) == 0 {
		return lines
	}
	return said
}
