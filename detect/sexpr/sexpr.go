// Package sexpr parses Clojure source and EDN as data: project.clj, deps.edn, build.clj. [Parse]
// returns the forms of a file as a tree of [Node]s:
//
//	nodes, err := sexpr.Parse([]byte(`(defproject shop "0.1.0" :main shop.core)`))
//	nodes[0].Get(":main", 3).Text // "shop.core"
//
// Metadata and #_ discards are dropped. Quotes, unquotes, tagged literals, reader conditionals,
// anonymous functions and #= forms become the form they apply to, with a Prefix. Brackets and
// quotes must be balanced, because an unbalanced file does not mean what its author thinks. Nothing
// is evaluated, and numbers and symbols are not told apart.
package sexpr

import (
	"fmt"
	"strings"
)

// Kind is the kind of a Node.
type Kind string

// The kinds. Numbers, true, false and nil are symbols.
const (
	List    Kind = "list"
	Vector  Kind = "vector"
	Map     Kind = "map"
	Set     Kind = "set"
	Symbol  Kind = "symbol"
	Keyword Kind = "keyword"
	String  Kind = "string"
	Char    Kind = "char"
	Regex   Kind = "regex"
)

// Node is one form.
type Node struct {
	Kind   Kind
	Text   string // of an atom: a string's value, a keyword with its colon, a symbol
	Items  []Node // of a collection; of a map, its keys and values alternately
	Prefix string // "'", "`", "~", "~@", "@", "#'", "#(" , "#?", "#=", "#inst" …; "" for a plain form
	Line   int    // from 1
}

// SyntaxError reports where a file is malformed. Line and Col count from 1, Col in characters.
type SyntaxError struct {
	Line, Col int
	Cause     string
}

// Error returns the line and the cause.
func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Cause) }

// Computed reports whether only an evaluation would show the form's value.
func (n Node) Computed() bool { return n.Prefix != "" && n.Prefix != "'" }

// Is reports whether the form is a symbol or keyword with this text and no prefix.
func (n Node) Is(text string) bool {
	return (n.Kind == Symbol || n.Kind == Keyword) && n.Text == text && n.Prefix == ""
}

// Get returns the last value of a key; nil if it is absent. It takes the items from index from on as
// keys and values alternately, which is 0 for a map.
func (n Node) Get(key string, from int) *Node {
	var found *Node
	for i := from; i+1 < len(n.Items); i += 2 {
		if n.Items[i].Is(key) {
			found = &n.Items[i+1]
		}
	}
	return found
}

const maxDepth = 256

type reader struct {
	src  []rune
	at   int
	line int
	bol  int // index of the line's first character
}

// Parse parses all top-level forms. Its error is a [*SyntaxError].
func Parse(b []byte) ([]Node, error) {
	r := &reader{src: []rune(strings.TrimPrefix(string(b), "\ufeff")), line: 1}
	nodes, err := r.forms(0, 0, 0)
	if err != nil {
		return nil, err
	}
	return nodes, nil
}

func (r *reader) fail(format string, args ...any) *SyntaxError {
	return &SyntaxError{Line: r.line, Col: r.at - r.bol + 1, Cause: fmt.Sprintf(format, args...)}
}

func (r *reader) peek(ahead int) rune {
	if r.at+ahead < len(r.src) {
		return r.src[r.at+ahead]
	}
	return 0
}

func (r *reader) next() rune {
	c := r.src[r.at]
	r.at++
	if c == '\n' {
		r.line++
		r.bol = r.at
	}
	return c
}

func (r *reader) end() bool { return r.at >= len(r.src) }

// blanks skips white space, commas, comments and a #! line.
func (r *reader) blanks() {
	for !r.end() {
		switch c := r.peek(0); {
		case c == ';' || c == '#' && r.peek(1) == '!':
			for !r.end() && r.peek(0) != '\n' {
				r.next()
			}
		case isBlank(c):
			r.next()
		default:
			return
		}
	}
}

// forms parses up to the closing delimiter; 0 is the end of the file.
func (r *reader) forms(closing rune, openLine, depth int) ([]Node, error) {
	if depth > maxDepth {
		return nil, r.fail("forms are nested more than %d deep", maxDepth)
	}
	var nodes []Node
	for {
		r.blanks()
		if r.end() {
			if closing != 0 {
				return nil, r.fail("the file ends before the %q that closes line %d", string(closing), openLine)
			}
			return nodes, nil
		}
		switch c := r.peek(0); c {
		case ')', ']', '}':
			if c != closing {
				if closing == 0 {
					return nil, r.fail("%q closes nothing", string(c))
				}
				return nil, r.fail("%q where %q closes line %d", string(c), string(closing), openLine)
			}
			r.next()
			return nodes, nil
		}
		node, err := r.form(depth)
		if err != nil {
			return nil, err
		}
		if node != nil {
			nodes = append(nodes, *node)
		}
	}
}

// form parses one form; it returns nil for one that is dropped.
func (r *reader) form(depth int) (*Node, error) {
	node := &Node{Line: r.line}
	c := r.next()
	switch c {
	case '(', '[', '{':
		return r.collection(node, c, depth)
	case '"':
		node.Kind = String
		return node, r.text(node)
	case '\\':
		node.Kind, node.Text = Char, "\\"
		if !r.end() {
			node.Text += string(r.next())
		}
		node.Text += r.token()
		return node, nil
	case '\'', '`', '@':
		return r.prefixed(string(c), depth)
	case '~':
		if r.peek(0) == '@' {
			r.next()
			return r.prefixed("~@", depth)
		}
		return r.prefixed("~", depth)
	case '^':
		if _, err := r.following("metadata", depth); err != nil {
			return nil, err
		}
		return r.following("metadata", depth)
	case '#':
		return r.dispatch(node, depth)
	}
	node.Kind, node.Text = Symbol, string(c)+r.token()
	if c == ':' {
		node.Kind = Keyword
	}
	return node, nil
}

func (r *reader) collection(node *Node, open rune, depth int) (*Node, error) {
	closing := map[rune]rune{'(': ')', '[': ']', '{': '}'}[open]
	if node.Kind == "" {
		node.Kind = map[rune]Kind{'(': List, '[': Vector, '{': Map}[open]
	}
	items, err := r.forms(closing, node.Line, depth+1)
	if err != nil {
		return nil, err
	}
	node.Items = items
	return node, nil
}

// dispatch parses what comes after a #.
func (r *reader) dispatch(node *Node, depth int) (*Node, error) {
	switch c := r.peek(0); c {
	case '{':
		r.next()
		node.Kind = Set
		return r.collection(node, '{', depth)
	case '(':
		r.next()
		node.Prefix = "#("
		return r.collection(node, '(', depth)
	case '"':
		r.next()
		node.Kind = Regex
		return node, r.text(node)
	case '_':
		r.next()
		if _, err := r.following("#_", depth); err != nil {
			return nil, err
		}
		return nil, nil
	case '^':
		return r.form(depth)
	case '\'', '=', '#':
		r.next()
		return r.prefixed("#"+string(c), depth)
	case '?':
		r.next()
		if r.peek(0) == '@' {
			r.next()
		}
		return r.prefixed("#?", depth)
	}
	tag := r.token()
	if tag == "" {
		return nil, r.fail("a # with no form after it")
	}
	if strings.HasPrefix(tag, ":") { // #:ns{…}: a map whose keys have a namespace
		return r.following("#"+tag, depth)
	}
	return r.prefixed("#"+tag, depth)
}

// prefixed parses the form after a prefix.
func (r *reader) prefixed(prefix string, depth int) (*Node, error) {
	node, err := r.following(prefix, depth)
	if err != nil {
		return nil, err
	}
	node.Prefix = prefix
	return node, nil
}

// following parses the next form that is not dropped.
func (r *reader) following(what string, depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, r.fail("forms are nested more than %d deep", maxDepth)
	}
	for {
		r.blanks()
		if c := r.peek(0); r.end() || c == ')' || c == ']' || c == '}' {
			return nil, r.fail("%s with nothing after it", what)
		}
		if node, err := r.form(depth + 1); node != nil || err != nil {
			return node, err
		}
	}
}

// text parses a string or a regular expression up to its closing quote. It decodes only the escapes
// of strings, and of those only the common ones.
func (r *reader) text(node *Node) error {
	var b strings.Builder
	for !r.end() {
		switch c := r.next(); {
		case c == '"':
			node.Text = b.String()
			return nil
		case c != '\\' || r.end():
			b.WriteRune(c)
		case node.Kind == Regex:
			b.WriteRune(c)
			b.WriteRune(r.next())
		default:
			c := r.next()
			if plain, ok := map[rune]rune{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f'}[c]; ok {
				c = plain
			}
			b.WriteRune(c)
		}
	}
	return r.fail("the file ends inside the %s that starts in line %d", node.Kind, node.Line)
}

// token returns the rest of a symbol, keyword, number or character.
func (r *reader) token() string {
	from := r.at
	for !r.end() && !isBlank(r.peek(0)) && !strings.ContainsRune("()[]{}\";@^`~\\", r.peek(0)) {
		r.next()
	}
	return string(r.src[from:r.at])
}

func isBlank(c rune) bool {
	return c == ' ' || c == ',' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || c == 0xa0 ||
		c == 0x2028
}
