package clojure

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
	"slugc/buildpacks/shell"
	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

//go:embed shims/run.sh
var runShim string

// callsLein matches a process of a Procfile that Leiningen starts.
var callsLein = lazyregexp.New(`(?m)^[A-Za-z0-9_-]+:.*\blein\s`)

// readLein reads the words after lein: the profiles that it runs with ("" for the default ones), and whether it
// runs the app, which is all that a slug without Leiningen can do.
func readLein(words []word) (profile string, runs bool) {
	for i := 0; i < len(words); i++ {
		switch text := words[i].text; {
		case words[i].open:
			return profile, false
		case strings.HasPrefix(text, "with-profile") && i+1 < len(words) && !words[i+1].open:
			i++
			profile = words[i].text
		case text == "trampoline" || text == "-o":
		default:
			return profile, text == "run"
		}
	}
	return profile, false
}

// leinProfile returns the profiles with which the Procfile runs the app, the first if there are several.
func (b *work) leinProfile() string {
	for _, c := range b.calls() {
		if profile, runs := readLein(c.words[1:]); path.Base(c.words[0].text) == "lein" && runs && profile != "" {
			return profile
		}
	}
	return "production"
}

// checkLein looks at what the Procfile asks of Leiningen before anything is frozen.
func (b *work) checkLein() error {
	if b.includeLein() {
		return nil
	}
	for _, c := range b.calls() {
		if path.Base(c.words[0].text) != "lein" {
			continue
		}
		profile, runs := readLein(c.words[1:])
		why := ""
		switch {
		case b.app.Lein == nil:
			why = "there is no project.clj"
		case !runs:
			why = "Leiningen is not in the slug, which starts nothing but `lein run`"
		case b.uberjar == "" && profile != "" && profile != b.leinProfile():
			why = fmt.Sprintf("another process runs with the profiles %s: a slug has one classpath of Leiningen's",
				b.leinProfile())
		}
		if why == "" {
			continue
		}
		d := unfrozen(c, why)
		d.Hints = []string{
			"set LEIN_INCLUDE_IN_SLUG=yes for the build: Leiningen and its repository become part of the slug",
			"or start Java: `" + c.process + ": java $JAVA_OPTS clojure.main -m shop.core`",
		}
		if c.script == "" {
			return d
		}
		b.Log.Warn("%s", d.Summary)
	}
	return nil
}

// freezeOther freezes what Leiningen starts in an app that the CLI builds, if the Procfile calls it.
func (b *work) freezeOther() (err error) {
	if b.app.Tool == "cli" && b.installed("leiningen") != nil && callsLein.MatchString(b.procfile()) {
		b.leinRun, err = b.freezeLein()
	}
	return err
}

// includeLein reports whether Leiningen itself is part of the slug, with its repository.
func (b *work) includeLein() bool {
	value := strings.ToLower(strings.TrimSpace(b.env.user["LEIN_INCLUDE_IN_SLUG"]))
	return b.builder != nil && b.builder.Tool == "leiningen" &&
		!slices.Contains([]string{"", "no", "false", "0"}, value)
}

// leinInSlug provides the running app with a command lein: the real one if LEIN_INCLUDE_IN_SLUG is
// set, else, if the Procfile calls it, one that starts the frozen app.
func (b *work) leinInSlug() error {
	if b.app.Tool != "leiningen" && b.leinRun == nil {
		return nil
	}
	include := b.includeLein()
	if !include && !callsLein.MatchString(b.procfile()) {
		return nil
	}
	layer, err := b.Layer("lein")
	if err != nil {
		return err
	}
	if layer, err = language.EmptyLayer(layer); err != nil {
		return err
	}
	bin := filepath.Join(layer.Path, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return fmt.Errorf("writing lein: %w", err)
	}
	script := b.runScript(layer.Path)
	if include {
		if script, err = b.copyLein(layer.Path); err != nil {
			return fmt.Errorf("writing lein: %w", err)
		}
		b.Contributed("maven").Launch = true
		if err := forgetOrigins(b.jars); err != nil {
			return fmt.Errorf("preparing the Maven repository: %w", err)
		}
		layer.LaunchEnvironment.Override("LEIN_HOME", layer.Path)
		layer.LaunchEnvironment.Override("SLUGC_MAVEN_REPOSITORY", b.jars)
		b.Log.Detail("Leiningen and its repository are in the slug (LEIN_INCLUDE_IN_SLUG)")
	}
	if err := os.WriteFile(filepath.Join(bin, "lein"), []byte(script), 0o755); err != nil {
		return fmt.Errorf("writing lein: %w", err)
	}
	b.Contribute(layer, libcnb.LayerTypes{Launch: true})
	return nil
}

// forgetOrigins removes from a Maven repository the records of when and from which mirror its files
// came. They differ from build to build, and Leiningen would reject the files where that mirror is
// not configured.
func forgetOrigins(repository string) error {
	return filepath.WalkDir(repository, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if name != "_remote.repositories" && name != "resolver-status.properties" &&
			filepath.Ext(name) != ".lastUpdated" {
			return nil
		}
		return os.Remove(file)
	})
}

// runScript returns a command lein that runs the frozen app. layer is where the script's directory bin is.
func (b *work) runScript(layer string) string {
	command, named, app := "java $JAVA_OPTS", `java $JAVA_OPTS clojure.main -m "$main"`, "''"
	start := func(f *frozen) {
		for _, word := range slices.Concat(f.options, f.main) {
			command += " " + shell.Argument(word)
		}
	}
	switch {
	case b.leinRun != nil:
		app = b.appFrom(filepath.Join(layer, "bin"))
		command += " -cp " + b.classpath(b.leinRun.path)
		named = command + ` clojure.main -m "$main"`
		start(b.leinRun)
	case b.uberjar != "":
		command += " " + b.startsUberjar()
		named = `java $JAVA_OPTS -cp ` + shell.Argument(b.uberjar) + ` clojure.main -m "$main"`
	default:
		start(b.frozen)
	}
	return strings.NewReplacer("@COMMAND@", command, "@NAMED@", named, "@APP@", app).Replace(runShim)
}

// copyLein copies Leiningen into a layer and returns the command lein. Leiningen finds its files
// and its repository by the environment, wherever the slug is unpacked.
func (b *work) copyLein(dir string) (string, error) {
	jar, err := toolJars(b.builder)
	if err != nil {
		return "", err
	}
	const init = "(require 'leiningen.core.project)\n(alter-var-root #'leiningen.core.project/defaults " +
		"assoc :local-repo (System/getenv \"SLUGC_MAVEN_REPOSITORY\") :offline? true)\n"
	err = errors.Join(disk.CopyFile(jar, filepath.Join(dir, "leiningen.jar"), 0o644),
		os.WriteFile(filepath.Join(dir, "init.clj"), []byte(init), 0o644),
		os.WriteFile(filepath.Join(dir, "profiles.clj"), []byte("{}\n"), 0o644))
	return strings.NewReplacer("'@JAR@'", `"$LEIN_HOME/leiningen.jar"`, "@VERSION@",
		b.builder.Version).Replace(leinShim), err
}
