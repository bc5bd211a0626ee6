package ignore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// matchSlowly is a match that tries every end of every wildcard.
func matchSlowly(tokens []token, name string) bool {
	if len(tokens) == 0 {
		return name == ""
	}
	t, rest := tokens[0], tokens[1:]
	switch t.kind {
	case literal, class:
		return name != "" && (t.kind == literal && name[0] == t.c || t.kind == class && t.set[name[0]]) &&
			matchSlowly(rest, name[1:])
	}
	for end := 0; end <= len(name); end++ {
		if t.kind == star && strings.Contains(name[:end], "/") {
			return false
		}
		if (t.kind != dirs || end == 0 || name[end-1] == '/') && matchSlowly(rest, name[end:]) {
			return true
		}
	}
	return false
}

// TestMatch compares matches that go back only to two places with those that try everything.
func TestMatch(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	random := func(parts ...string) string {
		var b strings.Builder
		for range 1 + rng.IntN(10) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		return b.String()
	}
	for range 100_000 {
		p, name := random(
			"a",
			"b",
			"/",
			"*",
			"**/",
			"/**/",
			"/**",
			"?",
			"[ab]",
			"*a",
		), random(
			"a",
			"b",
			"/",
			"ab",
			"a/",
		)
		tokens, ok := translate(p, true)
		if !ok {
			continue
		}
		compiled, steps := newPattern(tokens), int64(MaxSteps)
		if got, want := compiled.match(name, &steps), matchSlowly(tokens, name); got != want {
			t.Fatalf("%q matches %q: %v, want %v", p, name, got, want)
		}
	}
}

// TestCost gives up, with an error, on rules and names that are made to cost, and not on real ones.
func TestCost(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 120)
	for what, content := range map[string]string{
		"stars":   strings.Repeat(strings.Repeat("a*", 30)+"c*\n", 1000),
		"classes": strings.Repeat(strings.Repeat("*[ab]", 12)+"c*\n", 1000),
		"depth":   strings.Repeat("**/"+strings.Repeat("a*/**/", 10)+"c*\n", 900),
		"lines":   strings.Repeat("*b*\n", MaxBytes/4),
	} {
		rules, err := Parse([]byte(content))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		tree := NewTree(rules)
		for i := range 200_000 {
			if tree.Ignored(strings.Repeat(long[:10]+"/", i%8) + fmt.Sprint(long, i)); tree.Err() != nil {
				break
			}
		}
		if e, ok := errors.AsType[*CostError](tree.Err()); !ok || e.Patterns != len(rules) {
			t.Errorf("%s: got %v", what, tree.Err())
		}
		if spent := rules[0].spent.Load(); spent > MaxSteps+1<<20 {
			t.Errorf("%s: %d steps", what, spent)
		}
	}
	rules, err := Parse([]byte(strings.Join(ignores[len(ignores)-20:], "\n")))
	if err != nil {
		t.Fatal(err)
	}
	tree := NewTree(rules)
	for i := range 200_000 {
		tree.Ignored(fmt.Sprintf("app/models/some_directory/file_number_%d.rb", i))
	}
	if spent := rules[0].spent.Load(); tree.Err() != nil || spent > MaxSteps/10 {
		t.Errorf("real rules take %d steps", spent)
	}
}

func BenchmarkIgnored(b *testing.B) {
	rules, err := Parse(
		[]byte("node_modules\nlog/*\ntmp\n.env\n*.swp\n.DS_Store\n!.keep\n/public/assets\nspec/**/*.tmp\n"),
	)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		rules.Ignored("app/models/some_directory/file_number_1234.rb", false)
	}
}
