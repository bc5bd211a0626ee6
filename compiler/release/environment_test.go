package release_test

import (
	"slices"
	"testing"
	"time"

	"slugc/compiler/release"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	r := release.Release{Version: 12, CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	want := []string{
		"SLUGC_RELEASE_VERSION=v12", "HEROKU_APP_NAME=blog", "HEROKU_RELEASE_VERSION=v12",
		"HEROKU_RELEASE_CREATED_AT=2026-01-02T03:04:05Z",
	}
	if got := r.Environment("blog"); !slices.Equal(got, want) {
		t.Errorf("without a commit: got %q", got)
	}
	r.Commit = "abc"
	want = append(want, "SLUGC_COMMIT=abc", "HEROKU_BUILD_COMMIT=abc", "HEROKU_SLUG_COMMIT=abc")
	if got := r.Environment("blog"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
