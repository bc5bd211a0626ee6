package sexpr_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"slugc/detect/sexpr"
)

// show writes forms in a normal form, with a bar after each prefix.
func show(nodes []sexpr.Node) string {
	var words []string
	for _, n := range nodes {
		prefix := ""
		if n.Prefix != "" {
			prefix = n.Prefix + "|"
		}
		inner := show(n.Items)
		switch n.Kind {
		case sexpr.List:
			inner = "(" + inner + ")"
		case sexpr.Vector:
			inner = "[" + inner + "]"
		case sexpr.Map:
			inner = "{" + inner + "}"
		case sexpr.Set:
			inner = "#{" + inner + "}"
		case sexpr.String:
			inner = fmt.Sprintf("%q", n.Text)
		case sexpr.Regex:
			inner = "/" + n.Text + "/"
		default:
			inner = n.Text
		}
		words = append(words, prefix+inner)
	}
	return strings.Join(words, " ")
}

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"; only a comment":                 "",
		"#!/usr/bin/env bb\n(a)":           "(a)",
		"\ufeff(a,b\r\n c)":                "(a b c)",
		`{:a "x\"y\n" :b/c [1 2.5 nil]}`:   `{:a "x\"y\n" :b/c [1 2.5 nil]}`,
		"(def ^:private ^{:doc \"d\"} x)":  "(def x)",
		"(a #_b c #_ #_ d e)":              "(a c)",
		"[#_only]":                         "[]",
		"'a `b ~c ~@d @e #'f":              "'|a `|b ~|c ~@|d @|e #'|f",
		"#(+ % 1) #{1 2}":                  "#(|(+ % 1) #{1 2}",
		`#"a\"b\d(" \a \( \newline \"`:     `/a\"b\d(/ \a \( \newline \"`,
		`#inst "2026-01-01" #my/tag {}`:    `#inst|"2026-01-01" #my/tag|{}`,
		"#?(:clj 1 :cljs 2) #?@(:clj [1])": "#?|(:clj 1 :cljs 2) #?|(:clj [1])",
		"#:app{:a 1} #::b{:c 2}":           "{:a 1} {:c 2}",
		"#=(eval x) ##Inf":                 "#=|(eval x) ##|Inf",
		"a'b a#b ->x *y* foo/bar.baz":      "a'b a#b ->x *y* foo/bar.baz",
		"#^String x":                       "x",
		"~(System/getenv \"X\")":           `~|(System/getenv "X")`,
	} {
		nodes, err := sexpr.Parse([]byte(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if got := show(nodes); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for in, want := range map[string]string{
		"(a\n (b)":                `line 2: the file ends before the ")" that closes line 1`,
		"(a]\n":                   `line 1: "]" where ")" closes line 1`,
		"a\n\n)":                  `line 3: ")" closes nothing`,
		"(a \"b\n\nc)":            "line 3: the file ends inside the string that starts in line 1",
		"('":                      "line 1: ' with nothing after it",
		"(#_)":                    "line 1: #_ with nothing after it",
		"[^:x]":                   "line 1: metadata with nothing after it",
		"(# )":                    "line 1: a # with no form after it",
		strings.Repeat("(", 300):  "line 1: forms are nested more than 256 deep",
		strings.Repeat("'", 300):  "line 1: forms are nested more than 256 deep",
		strings.Repeat("#^", 300): "line 1: forms are nested more than 256 deep",
	} {
		_, err := sexpr.Parse([]byte(in))
		if _, ok := errors.AsType[*sexpr.SyntaxError](err); !ok || err.Error() != want {
			t.Errorf("%.20q: %v, want %s", in, err, want)
		}
	}
	_, err := sexpr.Parse([]byte("(a\n  ü])"))
	if syntax, ok := errors.AsType[*sexpr.SyntaxError](err); !ok || syntax.Line != 2 || syntax.Col != 4 {
		t.Errorf("position %+v", syntax)
	}
}

func TestGet(t *testing.T) {
	nodes, err := sexpr.Parse([]byte(`(defproject a "1" :x 1 :y ~z :x 2 :odd)`))
	if err != nil {
		t.Fatal(err)
	}
	project := nodes[0]
	if x := project.Get(":x", 3); x == nil || x.Text != "2" || x.Computed() {
		t.Errorf(":x is %+v", x)
	}
	if y := project.Get(":y", 3); y == nil || !y.Computed() || y.Is("z") {
		t.Errorf(":y is %+v", y)
	}
	if project.Get(":odd", 3) != nil || project.Get(":z", 3) != nil {
		t.Error("keys without values are found")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"(a [b {c #{d}}])", "^:x #_y #?@(:clj 1)", `"\"`, "#", "\\", "~@", "#:a{", "##", "'"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		nodes, err := sexpr.Parse(b)
		if err != nil {
			if nodes != nil || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%v with %v", err, nodes)
			}
			return
		}
		lines := strings.Count(string(b), "\n") + 1
		for _, n := range nodes {
			if n.Kind == "" || n.Line < 1 || n.Line > lines {
				t.Fatalf("%+v of %d lines", n, lines)
			}
		}
	})
}
