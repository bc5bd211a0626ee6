package source_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain/source"
)

func TestShowAddress(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"https://a:b@h/p?q=1#f": "https://h/p", "https://h/p": "https://h/p", "%": "an address that is not a URL",
	} {
		if got := source.ShowAddress(addr); got != want {
			t.Errorf("%q is shown as %q, want %q", addr, got, want)
		}
	}
}

func TestBaseAddress(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{"": "https://own", "off": "", "https://h/p/": "https://h/p"} {
		if got := source.BaseAddress(setting, "https://own/"); got != want {
			t.Errorf("%q is %q, want %q", setting, got, want)
		}
	}
}

func TestCompareNumbers(t *testing.T) {
	t.Parallel()
	ordered := []string{"8.0.392", "11", "17.0.9", "17.0.15", "17.0.15.1"}
	if got := source.Descending(ordered, source.CompareNumbers); !slices.Equal(got, []string{
		"17.0.15.1", "17.0.15", "17.0.9", "11", "8.0.392",
	}) {
		t.Errorf("got %q", got)
	}
}

// TestChoose: a version that the kept listing does not have is asked for, once.
func TestChoose(t *testing.T) {
	t.Parallel()
	match := func(v string) bool { return strings.HasPrefix(v, "2.") }
	c := source.NewestOf("", match, source.CompareSemver)
	c.Text = "1.2.9"
	for _, test := range []struct {
		kept, asked []string
		want        string
		again       int
		nearest     []string
	}{
		{[]string{"2.0.0", "2.1.0"}, nil, "2.1.0", 0, nil},
		{[]string{"1.0.0"}, []string{"2.2.0"}, "2.2.0", 1, nil},
		{nil, []string{"1.2.0", "1.2.3", "1.9.0", "3.0.0", "3.1.0-rc.1"}, "", 1, []string{"1.2.3", "1.9.0", "3.0.0"}},
	} {
		again := 0
		got, _, err := c.Choose(func(ask bool) (source.Listing, bool, error) {
			if ask {
				again++
				return source.Listing{Versions: test.asked}, true, nil
			}
			return source.Listing{Versions: test.kept}, false, nil
		}, c.Nearest(source.CompareSemver))
		if got != test.want || again != test.again || (err != nil) != (test.want == "") {
			t.Errorf("%+v: got %q, %v after %d questions", test, got, err, again)
		}
		none, ok := errors.AsType[*source.NoVersionError](err)
		if ok && !slices.Equal(none.Nearest, test.nearest) {
			t.Errorf("nearest %q, want %q", none.Nearest, test.nearest)
		}
	}
}
