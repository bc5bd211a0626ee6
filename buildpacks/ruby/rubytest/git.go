package rubytest

import (
	"os/exec"
	"path/filepath"
	"testing"

	"slugc/buildpacks/buildpacktest"
	"slugc/cache/testkit"
)

// greeter is the gem of the git repository https://git.example.com/greeter.git (see
// [Server.BuildEnv]).
var greeter = map[string]string{
	"greeter.gemspec": `Gem::Specification.new do |spec|
  spec.name = "greeter"
  spec.version = "0.1.0"
  spec.summary = "Greets"
  spec.authors = ["The fixture"]
  spec.files = ` + "`git ls-files`" + `.split("\n")
end
`,
	"lib/greeter.rb": `module Greeter
  def self.text = "greetings from a git gem"
end
`,
}

// gitGem makes the repository of greeter as dir/greeter.git, bare and readable over plain HTTP. Its
// only commit always has the same id.
func gitGem(t testing.TB, dir string) {
	t.Helper()
	work := testkit.Tree(t, t.TempDir(), greeter)
	bare := filepath.Join(dir, "greeter.git")
	for _, args := range [][]string{
		{"-C", work, "init", "-q", "-b", "main"},
		{"-C", work, "add", "."},
		{"-C", work, "commit", "-q", "-m", "Greet"},
		{"clone", "-q", "--bare", work, bare},
		{"-C", bare, "update-server-info"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + work, "GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Fixture", "GIT_AUTHOR_EMAIL=fixture@example.com",
			"GIT_AUTHOR_DATE=2026-01-01T00:00:00Z", "GIT_COMMITTER_NAME=Fixture",
			"GIT_COMMITTER_EMAIL=fixture@example.com", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z"}
		buildpacktest.Must(t, run(cmd))
	}
}
