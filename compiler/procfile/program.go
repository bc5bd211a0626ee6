package procfile

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Program is a program that a command starts.
type Program struct {
	Name string // as it is written
	// Path is the program's file, slash-separated and relative to the app's directory; "" where the name is
	// looked for on PATH.
	Path string
	// Read reports whether a shell reads the file: it need not be executable.
	Read bool
}

// Programs returns the programs that a process's command is sure to start, as far as its text tells: what
// depends on a variable, a condition or a file is left out, and so is everything behind a change of PATH or a
// sourced file. Paths outside of the app are left out too.
func Programs(command string) []Program {
	file, err := syntax.NewParser().Parse(strings.NewReader(command), "")
	if err != nil {
		return nil
	}
	r := &commandReader{dir: "."}
	r.statements(file.Stmts)
	return r.found
}

// commandReader walks through a command in the order of its execution.
type commandReader struct {
	dir   string // relative to the app's directory
	found []Program
	lost  bool // nothing more is known: of directories, PATH or what runs at all
}

func (r *commandReader) statements(list []*syntax.Stmt) {
	for _, s := range list {
		r.statement(s)
	}
}

func (r *commandReader) statement(s *syntax.Stmt) {
	if r.lost {
		return
	}
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		r.call(c)
	case *syntax.TimeClause:
		if c.Stmt != nil {
			r.statement(c.Stmt)
		}
	case *syntax.BinaryCmd:
		if c.Op != syntax.OrStmt {
			r.statement(c.X)
			r.statement(c.Y)
			return
		}
		r.lost = changes(s)
	case *syntax.Subshell:
		inner := &commandReader{dir: r.dir}
		inner.statements(c.Stmts)
		r.found = append(r.found, inner.found...)
	case *syntax.Block:
		r.statements(c.Stmts)
	case *syntax.DeclClause: // export, declare, local
		r.lost = changes(s)
	default: // a condition, a loop, a function
		r.lost = true
	}
}

// changes reports whether a statement may change the directory or PATH.
func changes(s *syntax.Stmt) (found bool) {
	syntax.Walk(s, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Assign:
			found = found || n.Name != nil && n.Name.Value == "PATH"
		case *syntax.Lit:
			found = found || slices.Contains([]string{"cd", "source", ".", "eval"}, n.Value)
		}
		return true
	})
	return found
}

// builtins are commands of the shell that start nothing and change nothing of what counts here.
var builtins = []string{
	":", "[", "echo", "exit", "false", "printf", "pwd", "read", "set", "shift", "test", "trap", "true", "type",
	"ulimit", "umask", "unset", "wait",
}

// wrappers start the program that their arguments name, with those of their options that take a value.
var wrappers = map[string][]string{
	"command": nil, "exec": {"-a"}, "nice": {"-n"}, "nohup": nil, "setsid": nil, "env": {"-u"},
}

// shells read commands, or a file of them.
var shells = []string{"bash", "dash", "sh"}

func (r *commandReader) call(c *syntax.CallExpr) {
	for _, a := range c.Assigns {
		if a.Name.Value == "PATH" {
			r.lost = true
			return
		}
	}
	words := make([]string, len(c.Args))
	for i, arg := range c.Args {
		words[i] = literal(arg)
	}
	if len(words) > 0 {
		r.words(words)
	}
}

// words reads one simple command. A word that is not known is "".
func (r *commandReader) words(words []string) {
	name, args := words[0], words[1:]
	options, wraps := wrappers[name]
	switch {
	case name == "" || name == "source" || name == "." || name == "eval":
		r.lost = true
	case name == "cd":
		r.lost = len(args) != 1 || args[0] == ""
		if !r.lost {
			dir, inside := inApp(r.dir, args[0])
			r.dir, r.lost = dir, !inside
		}
	case slices.Contains(builtins, name):
	case wraps:
		r.wrapped(args, options)
	case slices.Contains(shells, name):
		r.shell(args)
	case strings.Contains(name, "/"):
		if file, inside := inApp(r.dir, name); inside {
			r.found = append(r.found, Program{Name: name, Path: file})
		}
	default:
		r.found = append(r.found, Program{Name: name})
	}
}

// wrapped reads the arguments of a wrapper.
func (r *commandReader) wrapped(args, valued []string) {
	for len(args) > 0 {
		switch name, _, assigns := strings.Cut(args[0], "="); {
		case args[0] == "" || args[0] == "-C" || args[0] == "-S" || strings.HasPrefix(args[0], "--"):
			r.lost = true // not known, another directory, or all of the command in one word
			return
		case slices.Contains(valued, args[0]) && len(args) > 1:
			args = args[2:]
		case strings.HasPrefix(args[0], "-"):
			args = args[1:]
		case assigns && !strings.Contains(name, "/"):
			if r.lost = name == "PATH"; r.lost {
				return
			}
			args = args[1:]
		default:
			r.words(args)
			return
		}
	}
}

// shell reads the arguments of a shell.
func (r *commandReader) shell(args []string) {
	for i, arg := range args {
		switch {
		case arg == "":
			return
		case strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && strings.Contains(arg, "c"):
			if i+1 < len(args) {
				inner := &commandReader{dir: r.dir}
				if file, err := syntax.NewParser().Parse(strings.NewReader(args[i+1]), ""); err == nil {
					inner.statements(file.Stmts)
				}
				r.found = append(r.found, inner.found...)
			}
			return
		case strings.HasPrefix(arg, "-"):
		default:
			if file, inside := inApp(r.dir, arg); inside && strings.Contains(arg, "/") {
				r.found = append(r.found, Program{Name: arg, Path: file, Read: true})
			}
			return
		}
	}
}

// literal returns a word's text where no expansion changes it. The app's directory, which HOME names, is
// written as /app. It returns "" for any other word.
func literal(w *syntax.Word) string {
	var text strings.Builder
	parts := w.Parts
	if len(parts) == 1 {
		if quoted, ok := parts[0].(*syntax.DblQuoted); ok {
			parts = quoted.Parts
		}
	}
	for i, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if p.Value != "[" && strings.ContainsAny(p.Value, "*?[\\{") {
				return ""
			}
			value := p.Value
			if rest, tilde := strings.CutPrefix(value, "~/"); tilde && i == 0 {
				value = home + "/" + rest
			}
			text.WriteString(value)
		case *syntax.SglQuoted:
			text.WriteString(p.Value)
		case *syntax.ParamExp:
			if i > 0 || p.Param == nil || p.Param.Value != "HOME" || p.Exp != nil {
				return ""
			}
			text.WriteString(home)
		default:
			return ""
		}
	}
	return text.String()
}

// home is the app's directory as Heroku has it.
const home = "/app"

// inApp returns a path, of a process in dir, relative to the app's directory, and whether it is inside.
func inApp(dir, name string) (string, bool) {
	file := path.Join(home, dir, name)
	if path.IsAbs(name) {
		file = path.Clean(name)
	}
	if file == home {
		return ".", true
	}
	return strings.CutPrefix(file, home+"/")
}
