package rubytest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"slugc/buildpacks/ruby/rubytest"
)

// TestServe checks that the index names every gem and that a gem is served.
func TestServe(t *testing.T) {
	server := rubytest.Serve(t)
	resp, err := http.Get(server.URL + "/versions")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, gem := range []string{"\nrack 2.2.", "\nsinatra 3.", "\npuma 5.6.5 ", "\nnio4r 2.5.8-x86_64-linux ",
		"\nrake 13.", "\nbundler 2.3.15 ", "\nwebrick "} {
		if !strings.Contains(string(body), gem) {
			t.Errorf("the index has no %q:\n%s", gem, body)
		}
	}
	if seen := server.Requests(); len(seen) != 1 || seen[0] != "/versions" {
		t.Errorf("requests %v", seen)
	}
	server.Gem(t, "puma-")
}
