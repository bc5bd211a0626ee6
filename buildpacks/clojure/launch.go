package clojure

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
)

//go:embed shims/profile.sh
var profile string

// writeProfile writes the script that is sourced before the app starts.
func (b *work) writeProfile(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "profile.d"), 0o755); err != nil {
		return fmt.Errorf("writing the launch script: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "profile.d", "jvm.sh"), []byte(profileScript(language.System)),
		0o644); err != nil {
		return fmt.Errorf("writing the launch script: %w", err)
	}
	return nil
}

func profileScript(cgroups language.Cgroups) string {
	return strings.Replace(profile, "@MEMORY@", cgroups.MemoryLimit(), 1)
}

// processes declares how to start the app, unless it has a Procfile that says so (languages.md
// 5.5).
func (b *work) processes() error {
	if info, err := os.Stat(filepath.Join(b.dir, "Procfile")); err == nil && info.Mode().IsRegular() {
		b.checkProcfile()
		return nil
	}
	command := "java $JAVA_OPTS"
	switch {
	case b.uberjar != "":
		command += " -jar " + shellQuote(b.uberjar)
	case b.frozen != nil && len(b.frozen.main) > 0:
		for _, word := range append(append([]string{}, b.frozen.options...), b.frozen.main...) {
			command += " " + shellQuote(word)
		}
	default:
		b.say.Warn("Nothing says what to run, so there is no web process. %s, or a Procfile can start one: `web: java $JAVA_OPTS clojure.main -m shop.core`.",
			b.namesMain())
		return nil
	}
	b.result.Processes = append(b.result.Processes,
		libcnb.Process{Type: "web", Command: []string{"bash", "-c", command}, Default: true})
	return nil
}

// namesMain is where the app could say what to run.
func (b *work) namesMain() string {
	if b.app.Tool == "leiningen" {
		return "project.clj can name it (`:main shop.core`)"
	}
	return "deps.edn can name it (an alias run with `:main-opts [\"-m\" \"shop.core\"]`)"
}

// checkProcfile warns of commands that the slug does not have.
func (b *work) checkProcfile() {
	for line := range strings.Lines(b.procfile()) {
		name, command, ok := strings.Cut(line, ":")
		words := strings.Fields(command)
		if !ok || len(words) == 0 {
			continue
		}
		switch words[0] {
		case "clojure", "clj":
			b.say.Warn("The Procfile starts %s by %s, which is not in the slug. Its classpath is: `%s: java $JAVA_OPTS clojure.main -m shop.core`.",
				name, words[0], name)
		}
	}
}

// shellQuote quotes a word where a shell would take it apart.
func shellQuote(word string) string {
	safe := func(r rune) bool {
		return strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !safe(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
