package source

import (
	"bufio"
	"io"
	"maps"
	"strings"
	"testing"

	"slugc/buildpacks/git"
	"slugc/cache/unpack"
)

// FuzzStatCache reads any bytes as the records of a stat cache, and what it reads again.
func FuzzStatCache(f *testing.F) {
	f.Add(
		encode(map[string]record{"a/b": {stat: stat{dev: 1, ino: 2, size: 3}, sum: sum{4}}, "": {}})[len(cacheMagic):],
	)
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, ok := decode(data)
		if !ok {
			return
		}
		again, ok := decode(encode(records)[len(cacheMagic):])
		if !ok || !maps.Equal(again, records) {
			t.Errorf("%d records become %d, %t", len(records), len(again), ok)
		}
	})
}

// FuzzModules reads any output of `git config` as a .gitmodules.
func FuzzModules(f *testing.F) {
	f.Add([]byte("submodule.lib.path\nlib\x00submodule.lib.url\n../lib.git\x00"), "lib")
	f.Add([]byte("submodule.a.b.path\nx\x00submodule.a.b.path\nx\x00core.bare\x00submodule."), "x")
	f.Fuzz(func(t *testing.T, list []byte, path string) {
		url, err := modules(git.ParseModules(list)).url(path, path)
		if err == nil && (url == "" || strings.HasPrefix(path, "-") || strings.IndexByte(url, 0) >= 0) {
			t.Errorf("the submodule %q has the URL %q", path, url)
		}
	})
}

// FuzzRemote reads any text as a submodule's URL. An accepted one must not be an option for git, hold
// a password, or change its meaning when it is written and read again.
func FuzzRemote(f *testing.F) {
	for _, raw := range []string{
		"https://example.com/acme/lib.git", "git@example.com:acme/lib.git", "/srv/git/lib.git", "../lib.git",
		"ssh://-oProxyCommand=x/y", "ext::sh -c x", "https://user:secret@example.com/x", "file:///a/../b", "a:-x",
	} {
		f.Add(raw)
	}
	base := git.Remote{Scheme: "https", Host: "example.com", Path: "/acme/app.git"}
	f.Fuzz(func(t *testing.T, raw string) {
		_ = git.Shown(raw)
		_ = CheckPattern(raw)
		r, err := git.Resolve(base, raw)
		if err != nil {
			return
		}
		if strings.HasPrefix(r.Argument(), "-") {
			t.Errorf("%q is the option %q", raw, r.Argument())
		}
		for _, text := range []string{r.String(), r.Argument()} {
			again, err := git.ParseRemote(text)
			if again.Home = r.Home; err != nil || again != r {
				t.Errorf("%q is %+v, but %q is %+v, %v", raw, r, text, again, err)
			}
		}
	})
}

// FuzzListing reads any line as one of `git ls-tree`. An accepted entry must have a name that the
// limits allow.
func FuzzListing(f *testing.F) {
	oid := strings.Repeat("0a", 20)
	f.Add("100644 blob " + oid + "       3\tProcfile")
	f.Add("120000 blob " + oid + "      12\tbin/link")
	f.Add("160000 commit " + oid + "       -\tlib")
	f.Add("040000 tree " + oid + "       -\t../x")
	f.Fuzz(func(t *testing.T, line string) {
		l := &lister{tally: tally{limits: unpack.Default}, tree: newIgnoringTree(ignoring{}), repos: []*repository{{}}}
		l.listings = []listing{{}}
		l.listing = &l.listings[0]
		if err := l.line(line); err != nil {
			return
		}
		for _, e := range l.entries {
			if err := unpack.Default.CheckName(e.path); err != nil || !git.IsID(e.oid) || e.size < 0 {
				t.Errorf("%q is %+v, %v", line, e, err)
			}
		}
	})
}

// FuzzObjects reads any bytes as the output of `git cat-file --batch`.
func FuzzObjects(f *testing.F) {
	oid := strings.Repeat("0a", 20)
	f.Add(oid + " blob 3\nabc\n" + oid + " missing\n")
	f.Add(oid + " blob 9223372036854775807\nabc\n")
	f.Add(oid + " blob -1\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		in := bufio.NewReader(strings.NewReader(text))
		for i := range 4 {
			err := object(in, i, func(_ int, _ string, size int64, content io.Reader) error {
				n, err := io.Copy(io.Discard, io.LimitReader(content, 2))
				if n > size {
					t.Errorf("%d bytes of %d were read", n, size)
				}
				return err
			})
			if err != nil {
				return
			}
		}
	})
}
