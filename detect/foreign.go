package detect

import (
	"fmt"
	"path"
	"strings"
)

// Foreign is a language that slugc does not build, and the file that it is recognised by.
type Foreign struct {
	Name string // "Python"
	File string // at the top level
}

// String is "a Python app (requirements.txt)".
func (f Foreign) String() string {
	article := "a"
	if strings.ContainsRune("AEIO", rune(f.Name[0])) {
		article = "an"
	}
	return fmt.Sprintf("%s %s app (%s)", article, f.Name, f.File)
}

// foreigners are the files that other languages are recognised by, as patterns of [path.Match]: first those that
// only one language has.
var foreigners = []struct{ pattern, language string }{
	{"requirements.txt", "Python"},
	{"pyproject.toml", "Python"},
	{"Pipfile", "Python"},
	{"setup.py", "Python"},
	{"environment.yml", "Python"},
	{"manage.py", "Python"},
	{"composer.json", "PHP"},
	{"pom.xml", "Java"},
	{"build.gradle", "Java or Kotlin"},
	{"build.gradle.kts", "Java or Kotlin"},
	{"build.sbt", "Scala"},
	{"Cargo.toml", "Rust"},
	{"mix.exs", "Elixir"},
	{"rebar.config", "Erlang"},
	{"gleam.toml", "Gleam"},
	{"*.csproj", ".NET"},
	{"*.fsproj", ".NET"},
	{"*.sln", ".NET"},
	{"deno.json", "Deno"},
	{"deno.jsonc", "Deno"},
	{"pubspec.yaml", "Dart"},
	{"Package.swift", "Swift"},
	{"stack.yaml", "Haskell"},
	{"*.cabal", "Haskell"},
	{"shard.yml", "Crystal"},
	{"cpanfile", "Perl"},
	{"build.zig", "Zig"},
	{"DESCRIPTION", "R"},
	{"index.php", "PHP"},
	{"main.py", "Python"},
	{"app.py", "Python"},
}

// foreign returns the language that the tree seems to be written in, nil if there is no sign of any.
func (s *scan) foreign() *Foreign {
	entries, _ := s.list(".")
	for _, known := range foreigners {
		for _, e := range entries {
			if ok, _ := path.Match(known.pattern, e.Name()); ok && s.isFile(e.Name()) {
				return &Foreign{known.language, printable(e.Name())}
			}
		}
	}
	return nil
}
