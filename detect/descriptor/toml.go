package descriptor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// parseTOML parses a file. The decoder does not tell where values are, so [tomlScan] finds the lines first, and
// refuses what nests so deep that decoding it would cost too much.
func parseTOML(file string, data []byte) (*document, error) {
	text := string(data)
	if err := checkText(file, text); err != nil {
		return nil, err
	}
	s := tomlScan{text: text, line: 1, lines: map[string]int{}, tables: map[string]int{}}
	if !s.run() {
		return nil, tooDeep(file, s.line)
	}
	doc := &document{file: file, root: map[string]any{}, lines: s.lines}
	_, err := toml.Decode(text, &doc.root)
	if e, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, problemAt(at(file, e.Position.Line), fmt.Sprintf("%s is not valid TOML: %s", file, e.Message),
			"fix the line; toml.io has the grammar")
	}
	if err != nil {
		return nil, problemAt(file, fmt.Sprintf("%s is not valid TOML: %v", file, err),
			"fix the file; toml.io has the grammar")
	}
	return doc, nil
}

// tomlScan goes over a TOML file and notes the line of each table and key. It is right about every valid file;
// of others the decoder says what is wrong.
type tomlScan struct {
	text   string
	pos    int
	line   int
	lines  map[string]int
	tables map[string]int // how many elements an array of tables has, by path
	base   string         // the current table
	failed bool           // something nests too deep
}

// run scans the file. It reports whether nothing nests too deep.
func (s *tomlScan) run() bool {
	for s.pos < len(s.text) && !s.failed {
		switch c := s.text[s.pos]; {
		case c == '\n' || c == ' ' || c == '\t' || c == '\r':
			s.next()
		case c == '#':
			s.skipComment()
		case strings.HasPrefix(s.text[s.pos:], "[["):
			s.pos += 2
			path := s.resolve(s.key())
			s.tables[path]++
			s.base = element(path, s.tables[path]-1)
			s.lines[s.base] = s.line
			s.skipComment()
		case c == '[':
			s.pos++
			s.base = s.resolve(s.key())
			s.lines[s.base] = s.line
			s.skipComment()
		default:
			path := s.base
			for _, part := range s.key() {
				path = key(path, part)
				if s.lines[path] == 0 {
					s.lines[path] = s.line
				}
			}
			s.failed = s.failed || len(path) > maxPath
			s.skipValue(len(path))
		}
	}
	return !s.failed
}

// resolve returns the path of a table. In an array of tables that is the last element so far.
func (s *tomlScan) resolve(parts []string) (path string) {
	for i, part := range parts {
		path = key(path, part)
		if n := s.tables[path]; n > 0 && i < len(parts)-1 {
			path = element(path, n-1)
		}
	}
	return path
}

func (s *tomlScan) next() {
	if s.text[s.pos] == '\n' {
		s.line++
	}
	s.pos++
}

func (s *tomlScan) skipComment() {
	for s.pos < len(s.text) && s.text[s.pos] != '\n' {
		s.pos++
	}
}

// key reads a dotted key up to what ends it: "]", "=" or the end of the line.
func (s *tomlScan) key() (parts []string) {
	part, start := "", s.pos
	for ; s.pos < len(s.text); s.pos++ {
		if s.pos-start > maxPath {
			s.failed = true
			return parts
		}
		switch c := s.text[s.pos]; c {
		case '.':
			parts, part = append(parts, part), ""
		case '"', '\'':
			start := s.pos + 1
			s.skipString()
			part += s.text[start:max(start, s.pos-1)]
			s.pos--
		case ' ', '\t':
		case ']', '=', '\n', '#':
			return append(parts, part)
		default:
			part += string(c)
		}
	}
	return append(parts, part)
}

// skipValue skips a value: up to the end of the line that no bracket keeps open. length is that of the value's path.
func (s *tomlScan) skipValue(length int) {
	var outside []int // the lengths of the paths of the lists and tables around
	start := s.pos    // of the key in an inline table
	for s.pos < len(s.text) && !s.failed {
		switch c := s.text[s.pos]; c {
		case '\n':
			s.next()
			if len(outside) == 0 {
				return
			}
			continue
		case '#':
			s.skipComment()
			continue
		case '"', '\'':
			s.skipString()
			continue
		case '[', '{':
			outside, start = append(outside, length), s.pos
		case ']', '}':
			if n := len(outside); n > 0 {
				length, outside = outside[n-1], outside[:n-1]
			}
		case ',':
			start = s.pos
		case '=':
			if n := len(outside); n > 0 {
				length = outside[n-1] + s.pos - start
			}
		}
		s.failed = len(outside) > maxDepth || length > maxPath
		s.pos++
	}
}

// skipString skips a string of any of the four kinds.
func (s *tomlScan) skipString() {
	quote := s.text[s.pos : s.pos+1]
	long := strings.Repeat(quote, 3)
	if strings.HasPrefix(s.text[s.pos:], long) {
		s.pos += len(long)
		s.skipTo(long, quote == `"`, true)
		for s.pos < len(s.text) && s.text[s.pos] == quote[0] { // up to two quotes may stand before the closing ones
			s.pos++
		}
		return
	}
	s.pos++
	s.skipTo(quote, quote == `"`, false)
}

// skipTo skips up to the end of a string; one of a single line ends with the line at the latest.
func (s *tomlScan) skipTo(end string, escapes, lines bool) {
	for s.pos < len(s.text) {
		switch {
		case strings.HasPrefix(s.text[s.pos:], end):
			s.pos += len(end)
			return
		case s.text[s.pos] == '\n' && !lines:
			return
		case s.text[s.pos] == '\\' && escapes && s.pos+1 < len(s.text):
			s.pos++
			s.next()
		default:
			s.next()
		}
	}
}
