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
	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

//go:embed shims/run.sh
var runShim string

// callsLein matches a process of a Procfile that is started by Leiningen.
var callsLein = lazyregexp.New(`(?m)^[A-Za-z0-9_-]+:.*\blein\s`)

// includeLein is whether Leiningen itself goes into the slug, with the repository that it reads
// (languages.md 5.3).
func (b *work) includeLein() bool {
	value := strings.ToLower(strings.TrimSpace(b.env.user["LEIN_INCLUDE_IN_SLUG"]))
	return b.builder != nil && b.builder.Tool == "leiningen" &&
		!slices.Contains([]string{"", "no", "false", "0"}, value)
}

// leinInSlug gives the running app a command lein: the real one where the user asks for it, and
// where the Procfile calls it, one that starts the frozen app.
func (b *work) leinInSlug() error {
	if b.app.Tool != "leiningen" {
		return nil
	}
	include := b.includeLein()
	if !include && !callsLein.MatchString(b.procfile()) {
		return nil
	}
	layer, err := b.layer("lein", libcnb.LayerTypes{Launch: true})
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
		i := slices.IndexFunc(b.result.Layers, func(l libcnb.Layer) bool { return l.Name == "maven" })
		b.result.Layers[i].Launch = true
		if err := forgetOrigins(b.jars); err != nil {
			return fmt.Errorf("preparing the Maven repository: %w", err)
		}
		layer.LaunchEnvironment.Override("LEIN_HOME", layer.Path)
		layer.LaunchEnvironment.Override("SLUGC_MAVEN_REPOSITORY", b.jars)
		b.say.Detail("Leiningen and its repository are in the slug (LEIN_INCLUDE_IN_SLUG)")
	}
	if err := os.WriteFile(filepath.Join(bin, "lein"), []byte(script), 0o755); err != nil {
		return fmt.Errorf("writing lein: %w", err)
	}
	b.result.Layers = append(b.result.Layers, layer)
	return nil
}

// forgetOrigins removes from a Maven repository what says when and by which mirror its files came:
// it differs from build to build, and Leiningen would refuse them where that mirror is not set.
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

// runScript is a lein that runs what was frozen.
func (b *work) runScript() string {
	command, named := "java $JAVA_OPTS", ""
	if b.uberjar != "" {
		jar := shellQuote(b.uberjar)
		command += " -jar " + jar
		named = `exec java $JAVA_OPTS -cp ` + jar + ` clojure.main -m "$2"`
	} else {
		for _, word := range slices.Concat(b.frozen.options, b.frozen.main) {
			command += " " + shellQuote(word)
		}
		named = `exec java $JAVA_OPTS clojure.main -m "$2"`
	}
	return strings.NewReplacer("@COMMAND@", command, "@NAMED@", named).Replace(runShim)
}

// copyLein puts Leiningen into a layer. It finds itself and its repository by the environment,
// wherever the slug is unpacked.
func (b *work) copyLein(dir string) (string, error) {
	jar, err := b.toolJars()
	if err != nil {
		return "", err
	}
	init := "(require 'leiningen.core.project)\n(alter-var-root #'leiningen.core.project/defaults assoc :local-repo (System/getenv \"SLUGC_MAVEN_REPOSITORY\") :offline? true)\n"
	err = errors.Join(disk.CopyFile(jar, filepath.Join(dir, "leiningen.jar"), 0o644),
		os.WriteFile(filepath.Join(dir, "init.clj"), []byte(init), 0o644),
		os.WriteFile(filepath.Join(dir, "profiles.clj"), []byte("{}\n"), 0o644))
	return strings.NewReplacer("'@JAR@'", `"$LEIN_HOME/leiningen.jar"`, "@VERSION@",
		b.builder.Version).Replace(leinShim), err
}
