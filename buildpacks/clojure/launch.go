package clojure

import (
	_ "embed"
	"strings"

	"slugc/buildpacks/language"
	"slugc/buildpacks/shell"
)

//go:embed shims/profile.sh
var profile string

// profileScript returns the script that is sourced before the app starts.
func profileScript(cgroups language.Cgroups) string {
	return strings.Replace(profile, "@MEMORY@", cgroups.MemoryLimit(), 1)
}

// processes declares how to start the app, unless it has a Procfile.
func (b *work) processes() error {
	if b.HasProcfile() {
		return nil
	}
	command := "java $JAVA_OPTS"
	switch {
	case b.uberjar != "":
		command += " " + b.startsUberjar()
	case b.frozen != nil && len(b.frozen.main) > 0:
		for _, word := range append(append([]string{}, b.frozen.options...), b.frozen.main...) {
			command += " " + shell.Argument(word)
		}
	default:
		b.Log.Warn("There is no web process, because the app does not name what to run. %s, or a Procfile can "+
			"start one: `web: java $JAVA_OPTS clojure.main -m shop.core`.", b.namesMain())
		return nil
	}
	b.AddProcess("web", command)
	return nil
}

// namesMain says where the app can name what to run.
func (b *work) namesMain() string {
	if b.app.Tool == "leiningen" {
		return "project.clj can name it (`:main shop.core`)"
	}
	return "deps.edn can name it (an alias run with `:main-opts [\"-m\" \"shop.core\"]`)"
}
