package git

import (
	"errors"
	"strings"
)

// offline are texts, in lower case, that git and its helpers print when a server cannot be reached
// or the connection breaks. Git has no other way to report these errors.
var offline = []string{
	"could not resolve",
	"connection refused",
	"connection reset",
	"connection timed out",
	"failed to connect",
	"unable to connect",
	"couldn't connect",
	"network is unreachable",
	"no route to host",
	"temporary failure",
	"operation too slow",
	"operation timed out",
	"timeout",
	"early eof",
	"hung up unexpectedly",
	"unexpected disconnect",
	"broken pipe",
	"rpc failed",
	"empty reply",
	"returned error: 429",
	"returned error: 5",
}

// Unreachable reports whether git has failed because a server does not answer: it may when asked again.
func Unreachable(err error) bool { return Said(err, offline...) && !Said(err, "returned error: 40") }

// Said reports whether git has printed one of the texts, which are in lower case, in any case.
func Said(err error, texts ...string) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	said := strings.ToLower(e.Stderr)
	for _, text := range texts {
		if strings.Contains(said, text) {
			return true
		}
	}
	return false
}

// Complaint returns the first line of git's that says what is wrong.
func Complaint(err error) string {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(e.Stderr), "\n")
	for i, line := range lines {
		kind, rest, _ := strings.Cut(line, ": ")
		switch kind {
		case "", "warning", "hint":
			continue
		case "fatal", "error":
			line = rest
		}
		if strings.HasSuffix(line, ":") && i+1 < len(lines) {
			line += " " + lines[i+1]
		}
		return strings.TrimSpace(line)
	}
	return e.Err.Error()
}
