package clojure

import (
	"bytes"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// call is one command of the Procfile, or of a script that the Procfile starts.
type call struct {
	process string // the process type
	script  string // the script, relative to the app; "" for the Procfile itself
	dir     string // where it runs, relative to the app
	words   []word // the program first
	classes bool   // CLASSPATH is set for it
	certain bool   // nothing that may change files runs before it
}

// word is a word of a command. What only the start of the process decides, such as a variable of the
// release, is not part of text.
type word struct {
	text string
	open bool // text is not all of it
	glob bool // text is a pattern for files
}

// maxScript is the size in bytes up to which a script of the Procfile is read.
const maxScript = 64 << 10

// calls returns the commands of the Procfile in order, as far as they can be read without running them.
// What follows sh -c, exec and env counts, and so do the lines of the app's own shell scripts.
func (b *work) calls() []call {
	var all []call
	for line := range strings.Lines(b.procfile()) {
		name, text, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		r := &callReader{work: b, set: map[string]string{}, at: call{process: name, certain: true}}
		r.read(text)
		all = append(all, r.found...)
	}
	return all
}

// callReader collects the commands of a text in the shell's language.
type callReader struct {
	*work
	set   map[string]string // variables that the text itself sets
	at    call              // what the next command has in common with those before it
	depth int
	found []call
}

func (r *callReader) read(text string) {
	if r.depth > 3 {
		return
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return
	}
	r.stmts(file.Stmts)
}

func (r *callReader) stmts(list []*syntax.Stmt) {
	for _, s := range list {
		r.command(s.Cmd)
	}
}

// command reads the simple commands in one that may be made of several. What a condition decides about
// is not certain.
func (r *callReader) command(c syntax.Command) {
	switch c := c.(type) {
	case *syntax.CallExpr:
		r.simple(c)
	case *syntax.BinaryCmd:
		r.command(c.X.Cmd)
		r.command(c.Y.Cmd)
	case *syntax.Block:
		r.stmts(c.Stmts)
	case *syntax.Subshell:
		r.stmts(c.Stmts)
	case *syntax.TimeClause:
		if c.Stmt != nil {
			r.command(c.Stmt.Cmd)
		}
	case *syntax.DeclClause:
		for _, a := range c.Args {
			r.assign(a)
		}
	case nil:
	default:
		r.at.certain = false
		syntax.Walk(c, func(n syntax.Node) bool {
			if inner, ok := n.(*syntax.CallExpr); ok {
				r.simple(inner)
			}
			return true
		})
	}
}

func (r *callReader) assign(a *syntax.Assign) {
	if a.Name == nil || a.Value == nil {
		return
	}
	if a.Name.Value == "CLASSPATH" {
		r.at.classes = true
	}
	value := r.word(a.Value)
	if value.open {
		delete(r.set, a.Name.Value)
		return
	}
	r.set[a.Name.Value] = value.text
}

// around are the programs that start the program after them.
var around = []string{"exec", "env", "nohup", "nice", "command", "time", "setsid", "timeout"}

func (r *callReader) simple(c *syntax.CallExpr) {
	if len(c.Args) == 0 {
		for _, a := range c.Assigns {
			r.assign(a)
		}
		return
	}
	one := r.at
	for _, a := range c.Assigns {
		one.classes = one.classes || a.Name != nil && a.Name.Value == "CLASSPATH"
	}
	for _, arg := range c.Args {
		one.words = append(one.words, r.word(arg))
	}
	r.program(one)
}

// harmless are the programs that change no files.
var harmless = []string{":", "echo", "set", "export", "ulimit", "umask", "test", "[", "sleep", "true"}

// program notes a command, or what it starts.
func (r *callReader) program(c call) {
	for len(c.words) > 1 && slices.Contains(around, path.Base(c.words[0].text)) {
		c.words = c.words[1:]
		for len(c.words) > 1 && wraps(c.words[0].text) {
			c.classes = c.classes || strings.HasPrefix(c.words[0].text, "CLASSPATH=")
			c.words = c.words[1:]
		}
	}
	program := c.words[0].text
	switch {
	case c.words[0].open:
	case program == "cd" && len(c.words) > 1 && !c.words[1].open:
		r.at.dir = path.Join(c.dir, r.local(c.words[1].text))
		return
	case slices.Contains(harmless, program):
		return
	case slices.Contains([]string{"sh", "bash", "dash", ".", "source"}, path.Base(program)):
		r.shell(c)
	default:
		r.found = append(r.found, c)
		r.script(c, program)
	}
	r.at.certain = false
}

// shell reads what a shell is started with: -c and a command, or a script.
func (r *callReader) shell(c call) {
	for i, w := range c.words[1:] {
		switch {
		case isShellCommand(w.text) && i+2 < len(c.words):
			r.nested(c.words[i+2].text, c)
			return
		case !strings.HasPrefix(w.text, "-"):
			r.script(c, w.text)
			return
		}
	}
}

// wraps reports the words between a program such as env or timeout and the program that it starts:
// options, assignments and times.
func wraps(word string) bool {
	name, _, assigned := strings.Cut(word, "=")
	return strings.HasPrefix(word, "-") || assigned && !strings.ContainsAny(name, "/.") ||
		strings.Trim(word, "0123456789.smhd") == ""
}

// isShellCommand reports the options after which sh takes a command: -c, -lc.
func isShellCommand(word string) bool {
	return len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.HasSuffix(word, "c")
}

// nested reads a text that a command runs.
func (r *callReader) nested(text string, in call) {
	inner := &callReader{work: r.work, set: r.set, at: in, depth: r.depth + 1}
	inner.at.words = nil
	inner.read(text)
	r.found = append(r.found, inner.found...)
}

// script reads a shell script of the app that a command starts. Nothing in it is certain: a script may look
// whether a file is there.
func (r *callReader) script(c call, program string) {
	name := path.Join(c.dir, r.local(program))
	if !strings.Contains(program, "/") && c.words[0].text == program || !filepath.IsLocal(name) {
		return
	}
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return
	}
	defer root.Close()
	info, err := root.Stat(filepath.FromSlash(name))
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxScript {
		return
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxScript))
	first, _, _ := bytes.Cut(text, []byte("\n"))
	if err != nil || c.words[0].text == program && !bytes.Contains(first, []byte("sh")) {
		return
	}
	c.script, c.certain = name, false
	r.nested(string(text), c)
}

// local returns a path of the running app relative to its root: the app is in $HOME, and on Heroku in /app.
func (r *callReader) local(name string) string {
	for _, root := range []string{r.Dir, "/app"} {
		if rel, ok := within(root, name); ok && path.IsAbs(name) {
			return rel
		}
	}
	return name
}

// word expands a word as far as the text and the build's configuration decide it.
func (r *callReader) word(w *syntax.Word) word {
	var out word
	for i, part := range w.Parts {
		lit, ok := part.(*syntax.Lit)
		if ok && i == 0 && (lit.Value == "~" || strings.HasPrefix(lit.Value, "~/")) {
			out.text = r.Dir + lit.Value[1:]
			continue
		}
		if ok {
			out.glob = out.glob || strings.ContainsAny(lit.Value, "*?[")
			out.text += unescape(lit.Value)
			continue
		}
		r.part(part, &out)
	}
	return out
}

func (r *callReader) part(part syntax.WordPart, out *word) {
	switch p := part.(type) {
	case *syntax.SglQuoted:
		out.text += p.Value
	case *syntax.DblQuoted:
		for _, inner := range p.Parts {
			if lit, ok := inner.(*syntax.Lit); ok {
				out.text += unescape(lit.Value)
			} else {
				r.part(inner, out)
			}
		}
	case *syntax.ParamExp:
		value, known := r.variable(p)
		out.text, out.open = out.text+value, out.open || !known
	default:
		out.open = true
	}
}

// variable returns the value of $NAME and ${NAME:-default}; false if it is not known.
func (r *callReader) variable(p *syntax.ParamExp) (string, bool) {
	if p.Param == nil || p.Excl || p.Length || p.Width || p.Index != nil || p.Slice != nil || p.Repl != nil {
		return "", false
	}
	value, known := r.set[p.Param.Value]
	if !known {
		value, known = r.env.user[p.Param.Value]
	}
	if p.Param.Value == "HOME" {
		value, known = r.Dir, true
	}
	switch {
	case p.Exp == nil:
		return value, known
	case p.Exp.Op == syntax.DefaultUnset || p.Exp.Op == syntax.DefaultUnsetOrNull ||
		p.Exp.Op == syntax.AssignUnset || p.Exp.Op == syntax.AssignUnsetOrNull:
		if known || p.Exp.Word == nil {
			return value, known
		}
		other := r.word(p.Exp.Word)
		return other.text, !other.open
	}
	return "", false
}

// unescape removes the backslashes of a word.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
