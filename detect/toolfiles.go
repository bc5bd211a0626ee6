package detect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// toolSources reads a tool's version from .tool-versions (asdf) and from mise.toml or .mise.toml,
// in this order. keys are the tool's names there.
func (s *scan) toolSources(keys []string, parse func(string) source) []source {
	return append(s.toolVersions(keys, parse), s.mise(keys, parse)...)
}

func (s *scan) toolVersions(keys []string, parse func(string) source) []source {
	lines, _ := s.lines(".tool-versions")
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.Contains(keys, fields[0]) {
			continue
		}
		// Further versions are fallbacks, which asdf uses if the first is not installed.
		return []source{parseTool(fields[1], parse).at(".tool-versions "+fields[0], fields[1])}
	}
	return nil
}

func (s *scan) mise(keys []string, parse func(string) source) []source {
	for _, file := range []string{"mise.toml", ".mise.toml"} {
		b, ok := s.readUpTo(file, 256<<10)
		if !ok {
			continue
		}
		var doc struct {
			Tools map[string]any `toml:"tools"`
		}
		if _, err := toml.Decode(string(b), &doc); err != nil {
			s.warn("%s is not valid TOML and was ignored: %s", file, firstLine(err.Error()))
			continue
		}
		for _, key := range keys {
			text, ok := miseVersion(doc.Tools[key])
			if !ok {
				continue
			}
			return []source{parseTool(text, parse).at(file+" tools."+key, text)}
		}
	}
	return nil
}

// miseVersion reads `"20"`, `["20", "18"]` and `{version = "20"}`.
func miseVersion(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v), true
	case []any:
		if len(v) > 0 {
			return miseVersion(v[0])
		}
	case map[string]any:
		return miseVersion(v["version"])
	}
	return "", false
}

// parseTool accepts the prefixes that asdf and mise allow before a version.
func parseTool(text string, parse func(string) source) source {
	for _, prefix := range []string{"latest:", "prefix:"} {
		text = strings.TrimPrefix(text, prefix)
	}
	if kind, _, ok := strings.Cut(text, ":"); ok || text == "system" {
		return source{bad: fmt.Errorf("%q versions can't be resolved", kind)}
	}
	return parse(text)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
