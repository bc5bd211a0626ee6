package golang

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitFlags(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"":                                nil,
		"  ":                              nil,
		"-v -race":                        {"-v", "-race"},
		"'-ldflags=-s -w' -v":             {"-ldflags=-s -w", "-v"},
		`"-ldflags=-X 'a=b c'"`:           {"-ldflags=-X 'a=b c'"},
		"-ldflags=-X=a=b\t-tags=x\n":      {"-ldflags=-X=a=b", "-tags=x"},
		"'never closed":                   {"'never", "closed"},
		`-a="not a quote" -b`:             {`-a="not`, `a`, `quote"`, `-b`},
		"''":                              {""},
		"-tags=a,b --mod=mod -trimpath=0": {"-tags=a,b", "--mod=mod", "-trimpath=0"},
	} {
		if diff := cmp.Diff(want, splitFlags(in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func TestQuoteWordIsSplitBack(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"-v", "-ldflags=-s -w", `-ldflags=-X 'a=b'`, `it's`, `say "so"`} {
		quoted, ok := quoteWord(word)
		if diff := cmp.Diff([]string{word}, splitFlags(quoted)); !ok || diff != "" {
			t.Errorf("%q is quoted as %s:\n%s", word, quoted, diff)
		}
	}
	if _, ok := quoteWord(`' "`); ok {
		t.Error("both kinds of quotes were quoted")
	}
}
