package clojure

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// includeLein reports whether Leiningen itself is part of the slug, with its repository.
func (b *work) includeLein() bool {
	value := strings.ToLower(strings.TrimSpace(b.env.user["LEIN_INCLUDE_IN_SLUG"]))
	return b.builder != nil && b.builder.Tool == "leiningen" &&
		!slices.Contains([]string{"", "no", "false", "0"}, value)
}

// leinInSlug provides the running app with a command lein: the real one if LEIN_INCLUDE_IN_SLUG is
// set, else, if the Procfile calls it, one that starts the frozen app.
func (b *work) leinInSlug() error {
	if b.app.Tool != "leiningen" {
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
	script := b.runScript()
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

// runScript returns a command lein that runs the frozen app.
func (b *work) runScript() string {
	command, named := "java $JAVA_OPTS", ""
	if b.uberjar != "" {
		command += " " + b.startsUberjar()
		named = `exec java $JAVA_OPTS -cp ` + shell.Argument(b.uberjar) + ` clojure.main -m "$2"`
	} else {
		for _, word := range slices.Concat(b.frozen.options, b.frozen.main) {
			command += " " + shell.Argument(word)
		}
		named = `exec java $JAVA_OPTS clojure.main -m "$2"`
	}
	return strings.NewReplacer("@COMMAND@", command, "@NAMED@", named).Replace(runShim)
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
