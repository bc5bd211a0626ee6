package push_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestRefusedPushLeavesNothing pushes builds that write into what the app keeps between builds. What the build
// of an accepted push leaves is there in the next; what a push that fails its release phase or is a dry run
// leaves is not: of layers that its build has touched nothing is kept.
func TestRefusedPushLeavesNothing(t *testing.T) {
	t.Parallel()
	s := bareSite(t)
	s.home = t.TempDir()
	s.env = append(s.env, "SLUGC_HOME="+s.home, "SLUGC_NODE_MIRROR=file://"+slugctest.ToyMirror(t, t.TempDir()),
		"SLUGC_NPM_REGISTRY=http://127.0.0.1:9/")
	s.install(t)
	variant := 0
	// push pushes a build that packs what it finds, then leaves a word in every place.
	push := func(word, release string, args ...string) slugctest.Outcome {
		variant++
		slugctest.ToyApp(t, s.work, variant)
		testkit.Tree(t, s.work, map[string]string{
			"Procfile": "web: npm start\n" + release,
			"build.sh": `mkdir -p node_modules/.cache/toy dist
cat "$npm_config_cache"/_cacache/content/left >dist/downloads.txt 2>/dev/null
cat node_modules/.cache/toy/left >dist/cache.txt 2>/dev/null
echo ` + word + ` >>"$npm_config_cache"/_cacache/content/left
echo ` + word + ` >>node_modules/.cache/toy/left
`})
		s.commit(t, word)
		return s.git(t, append([]string{"push", "origin", "main"}, args...)...)
	}
	says(t, push("first", ""), 0, "Released blog v1")
	says(t, push("second", ""), 0, "Released blog v2")
	if found := s.found(t); found != "cache.txt: first\ndownloads.txt: first\n" {
		t.Fatalf("the second build finds %q", found)
	}
	says(t, push("phase", "release: exit 3\n"), 1, "[release/phase-failed]", "push rejected")
	says(t, push("dry", "", "-o", "dry-run"), 1, "push rejected")
	says(t, push("third", ""), 0, "Released blog v")
	s.found(t)
	says(t, push("fourth", ""), 0, "Released blog v")
	if found := s.found(t); !strings.Contains(found, "cache.txt: third\n") {
		t.Errorf("the build after it finds %q", found)
	}
}

// found returns what the build of the current release has found, and requires that nothing else in its slug
// tells of a push that was not accepted.
func (s *site) found(t *testing.T) (found string) {
	t.Helper()
	s.settled(t)
	dir := t.TempDir()
	file := strings.TrimPrefix(s.releases(t)[0].Slug.URL, "file://")
	if out, err := exec.Command("tar", "-xzf", file, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("unpacking the slug: %v\n%s", err, out)
	}
	for _, name := range []string{"cache.txt", "downloads.txt"} {
		words := strings.Fields(testkit.Read(t, filepath.Join(dir, "app/dist", name)))
		found += name + ": " + strings.Join(words, " ") + "\n"
	}
	err := filepath.WalkDir(filepath.Join(dir, "app"), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if text := testkit.Read(t, path); strings.Contains(text, "phase\n") || strings.Contains(text, "dry\n") {
			t.Errorf("%s holds %q", path, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
