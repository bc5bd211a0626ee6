// Package lazyregexp compiles a regular expression when it is first used. slugc is started for
// every hook of every push, and most runs use few of its hundreds of expressions:
//
//	var major = lazyregexp.New(`^v(\d+)\.`)
//
//	m := major.FindStringSubmatch("v20.1.0") // compiled here
//
// [Regexp] has the methods of [regexp.Regexp] that slugc uses. The go command has the same device,
// internal/lazyregexp.
package lazyregexp

import (
	"regexp"
	"sync"
)

// Regexp is a [regexp.Regexp] that is compiled at its first use. Its methods are those of
// regexp.Regexp and may be called concurrently.
type Regexp struct{ get func() *regexp.Regexp }

// New returns an expression. A malformed one panics at its first use; a test of this package
// compiles all expressions of slugc.
func New(expression string) *Regexp {
	return &Regexp{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })}
}

func (r *Regexp) String() string                         { return r.get().String() }
func (r *Regexp) Match(b []byte) bool                    { return r.get().Match(b) }
func (r *Regexp) MatchString(s string) bool              { return r.get().MatchString(s) }
func (r *Regexp) Find(b []byte) []byte                   { return r.get().Find(b) }
func (r *Regexp) FindString(s string) string             { return r.get().FindString(s) }
func (r *Regexp) FindSubmatch(b []byte) [][]byte         { return r.get().FindSubmatch(b) }
func (r *Regexp) FindStringIndex(s string) []int         { return r.get().FindStringIndex(s) }
func (r *Regexp) FindStringSubmatch(s string) []string   { return r.get().FindStringSubmatch(s) }
func (r *Regexp) FindAllString(s string, n int) []string { return r.get().FindAllString(s, n) }
func (r *Regexp) FindAllStringSubmatch(s string, n int) [][]string {
	return r.get().FindAllStringSubmatch(s, n)
}
func (r *Regexp) ReplaceAll(src, with []byte) []byte { return r.get().ReplaceAll(src, with) }
func (r *Regexp) FindAll(b []byte, n int) [][]byte   { return r.get().FindAll(b, n) }
func (r *Regexp) ReplaceAllFunc(src []byte, with func([]byte) []byte) []byte {
	return r.get().ReplaceAllFunc(src, with)
}
func (r *Regexp) ReplaceAllString(src, with string) string {
	return r.get().ReplaceAllString(src, with)
}
func (r *Regexp) ReplaceAllStringFunc(src string, with func(string) string) string {
	return r.get().ReplaceAllStringFunc(src, with)
}
func (r *Regexp) Split(s string, n int) []string { return r.get().Split(s, n) }
