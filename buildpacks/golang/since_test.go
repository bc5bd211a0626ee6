package golang

import (
	"strings"
	"testing"
)

// TestSince holds what is passed to the oldest Go that knows modules and to later ones.
func TestSince(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ release, flags, tags, proxy string }{
		{"1.11", "", "heroku x", "https://a.test"},
		{"1.12.17", "", "heroku x", "https://a.test"},
		{"1.13", "-trimpath", "heroku,x", "https://a.test,https://b.test,direct"},
		{"1.14.15", "-trimpath -modcacherw -mod=mod", "heroku,x", "https://a.test,https://b.test,direct"},
		{"1.15.15", "-trimpath -modcacherw -mod=mod", "heroku,x", "https://a.test|https://b.test,direct"},
		{"1.17.13", "-trimpath -modcacherw -mod=mod -mod=readonly", "heroku,x", "https://a.test|https://b.test,direct"},
		{"1.18rc1", "-trimpath -modcacherw -mod=mod -buildvcs=false -mod=readonly", "heroku,x",
			"https://a.test|https://b.test,direct"},
		{"1.27.4", "-trimpath -modcacherw -mod=mod -buildvcs=false -mod=readonly", "heroku,x",
			"https://a.test|https://b.test,direct"},
	} {
		all := known(c.release, "-trimpath", "-modcacherw", "-mod=mod", "-buildvcs=false")
		flags := strings.Join(append(all, modFlag(c.release, false)...), " ")
		tags := joinTags(c.release, []string{"heroku", "x"})
		proxy := proxyFor(c.release, "https://a.test|https://b.test,direct")
		if flags != c.flags || tags != c.tags || proxy != c.proxy {
			t.Errorf("Go %s: got flags %q, tags %q, GOPROXY %q", c.release, flags, tags, proxy)
		}
	}
	if got := proxyFor("1.12", "direct"); got != "" {
		t.Errorf("GOPROXY of Go 1.12 is %q", got)
	}
	if got := proxyHosts("https://user:secret@a.test|http://b.test:8080/go,direct,off"); got != "a.test, b.test:8080" {
		t.Errorf("the hosts are %q", got)
	}
}
