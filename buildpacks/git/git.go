// Package git runs the machine's git so that nothing that it reads or fetches can run a program, ask a question or
// lead to another place: no hook, helper, filter or redirect, no configuration but its own, one protocol.
//
//	client := git.Client{Program: git.Find(path), Search: path, Env: environment}
//	err := client.Init(ctx, dir, "sha1")
//	err = client.Fetch(ctx, dir, remote, "--depth=1", "--", remote.Argument(), "+"+id+":refs/kept/"+id)
//	if git.Unreachable(err) {
//		// the server does not answer
//	}
//
// Errors are an [*Error] where git has failed. What it prints is in the language C.
package git

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Find returns the path of git in a search path as PATH is, "" if it is not there.
func Find(search string) string {
	for _, d := range filepath.SplitList(search) {
		file := filepath.Join(d, "git")
		if st, err := os.Stat(file); filepath.IsAbs(d) && err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// IsID reports whether s is an object's id, sha1 or sha256, in full.
func IsID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// Error is a git child that failed.
type Error struct {
	Verb   string // "fetch"
	Stderr string // what it printed
	Err    error
}

// Error names what git did and what it said, or else why it failed.
func (e *Error) Error() string {
	if e.Stderr != "" {
		return fmt.Sprintf("git %s: %s", e.Verb, e.Stderr)
	}
	return fmt.Sprintf("git %s: %v", e.Verb, e.Err)
}

// Unwrap returns why the child failed.
func (e *Error) Unwrap() error { return e.Err }

// Output keeps the start of a child's output. The zero value is ready for use.
type Output struct {
	Limit int // bytes to keep; 0 for 4096

	buf bytes.Buffer // a field, because io.Copy would bypass Write by the methods of an embedded one
}

// Write keeps what there is room for.
func (o *Output) Write(p []byte) (int, error) {
	if room := cmp.Or(o.Limit, 4096) - o.buf.Len(); room > 0 {
		o.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// Bytes returns what was kept.
func (o *Output) Bytes() []byte { return o.buf.Bytes() }

// String returns what was kept.
func (o *Output) String() string { return o.buf.String() }

// Line returns the first line of what was kept.
func (o *Output) Line() string {
	line, _, _ := strings.Cut(strings.TrimSpace(o.buf.String()), "\n")
	return line
}

// Pick returns the variables of an environment that have one of these names.
func Pick(env []string, names ...string) (kept []string) {
	for _, kv := range env {
		for _, want := range names {
			if name, _, _ := strings.Cut(kv, "="); name == want {
				kept = append(kept, kv)
			}
		}
	}
	return kept
}
