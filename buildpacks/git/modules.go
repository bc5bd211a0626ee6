package git

import (
	"bytes"
	"strings"
)

// Module is a submodule in a .gitmodules (gitmodules(5)).
type Module struct {
	Name, Path, URL string
	Twice           bool // its path or its URL is there twice
}

// ParseModules reads what `git config -z --list` prints: `key<LF>value<NUL>` for each value.
func ParseModules(list []byte) (ms []Module) {
	index := map[string]int{}
	for record := range bytes.SplitSeq(list, []byte{0}) {
		key, value, _ := strings.Cut(string(record), "\n")
		rest, ok := strings.CutPrefix(key, "submodule.")
		dot := strings.LastIndexByte(rest, '.')
		if !ok || dot < 0 {
			continue
		}
		name, kind := rest[:dot], rest[dot+1:]
		if kind != "path" && kind != "url" {
			continue
		}
		i, ok := index[name]
		if !ok {
			i = len(ms)
			index[name] = i
			ms = append(ms, Module{Name: name})
		}
		m := &ms[i]
		field := &m.Path
		if kind == "url" {
			field = &m.URL
		}
		m.Twice = m.Twice || *field != ""
		*field = value
	}
	return ms
}
