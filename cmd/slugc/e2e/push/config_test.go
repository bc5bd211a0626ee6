package push_test

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestRollbackConfig rolls back an app whose release process has the config vars that the hooks name: it runs with
// them too, and is refused without, until the app itself keeps them.
func TestRollbackConfig(t *testing.T) {
	t.Parallel()
	s := bareSite(t)
	file := filepath.Join(t.TempDir(), "prod.env")
	testkit.Write(t, file, "DATABASE_URL=postgres://prod/db\n")
	s.install(t, "--release-env-file", file)
	slugctest.GoApp(t, s.work, "first")
	for _, word := range []string{"one", "two"} {
		testkit.Write(t, filepath.Join(s.work, "Procfile"),
			"web: hello\nrelease: echo "+word+" migrates ${DATABASE_URL:-sqlite:///dev.db}\n")
		s.commit(t, word)
		says(t, s.git(t, "push", "origin", "main"), 0, word+" migrates postgres://prod/db")
	}
	o := s.run(t, s.binary, "rollback", "blog")
	says(t, o, 0, file+", as for pushes to "+s.bare, "one migrates postgres://prod/db", "Rolled blog back to v1 as v3")
	s.install(t) // without the file
	o = s.run(t, s.binary, "rollback", "blog")
	says(t, o, 2, "had the config vars DATABASE_URL", "[release/config-missing]")
	if strings.Contains(o.Stderr, "migrates") || len(s.releases(t)) != 3 {
		t.Errorf("the release process runs:\n%s", o.Stderr)
	}
	o = s.run(t, s.binary, "config", "set", "blog", "DATABASE_URL=postgres://kept/db")
	says(t, o, 0, "one migrates postgres://kept/db", "Released blog v4: Set DATABASE_URL")
	says(t, s.run(t, s.binary, "rollback", "blog", "v2"), 0, "two migrates postgres://kept/db")
	// Builds get those of the app's config vars that are named.
	says(t, s.run(t, s.binary, "config", "set", "blog", "GO_LINKER_VALUE=kept", "SECRET=kept"), 0, "Released blog v6")
	s.install(t, "--config-var", "GO_LINKER_VALUE")
	testkit.Write(t, filepath.Join(s.work, "bin/go-pre-compile"), "#!/bin/sh\necho compiling with $GO_LINKER_VALUE.\n")
	s.git(t, "add", "--chmod=+x", "bin/go-pre-compile")
	s.commit(t, "three")
	says(t, s.git(t, "push", "origin", "main"), 0, "the build configuration changed", "compiling with kept.",
		"two migrates postgres://kept/db", "Released blog v7")
}

// TestPushMember releases one directory of a repository with what it uses beside it, also from objects that git has
// not accepted yet.
func TestPushMember(t *testing.T) {
	t.Parallel()
	s := bareSite(t)
	s.install(t, "--subdir", "apps/api")
	testkit.Tree(t, s.work, map[string]string{
		"apps/api/go.mod": "module example.com/hello\n\ngo 1.25\n\n" +
			"require a.com/lib v0.0.0\n\nreplace a.com/lib => ../../lib\n",
		"apps/api/main.go": "package main\n\nimport \"a.com/lib\"\n\nfunc main() { println(lib.Word) }\n",
		"lib/go.mod":       "module a.com/lib\n\ngo 1.25\n",
		"lib/lib.go":       "package lib\n\nconst Word = \"beside\"\n",
		"apps/web/go.mod":  "module example.com/web\n",
	})
	s.commit(t, "one")
	says(t, s.git(t, "push", "origin", "main"), 0, "Building apps/api (with lib)", "Released blog v1")
	if o := s.run(t, s.binary, "run", "blog"); !strings.Contains(o.Stderr, "beside") {
		t.Errorf("the app says %q", o.Stderr)
	}
	testkit.Write(t, filepath.Join(s.work, "apps/web/other"), "")
	s.commit(t, "two")
	says(t, s.git(t, "push", "origin", "main"), 0, "Nothing changed since the last build", "Released blog v2")
	s.inStep(t, 2)
}
