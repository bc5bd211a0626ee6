package clojure

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/shell"
)

// maxJars is the maximum number of jars below the target directory that are considered.
const maxJars = 1000

// jar is a jar file that the build made.
type jar struct {
	path  string // relative to the app's root, slash-separated
	size  int64
	class string // its manifest's Main-Class
}

// target returns the directory that jars are built in.
func (b *work) target() string {
	if b.computed(":target-path") && b.created != "" {
		first, _, _ := strings.Cut(b.created, "/")
		return first
	}
	if b.app.Lein != nil && b.app.Lein.TargetPath != "" {
		first, _, _ := strings.Cut(path.Clean(b.app.Lein.TargetPath), "/")
		if filepath.IsLocal(first) && first != "." && !strings.Contains(first, "%") {
			return first
		}
	}
	return "target"
}

// computed reports whether project.clj computes a value, so that only what Leiningen does tells it.
func (b *work) computed(key string) bool {
	return b.app.Lein != nil && b.app.Tool == "leiningen" && slices.Contains(b.app.Lein.Computed, key)
}

// findJar chooses the jar that starts the app: the one of :uberjar-name, anywhere below the target
// directory; else *-standalone.jar; else the biggest with a Main-Class. `lein uberjar` makes two
// jars, and the thin one can't be started.
func (b *work) findJar() error {
	jars, err := b.builtJars()
	if err != nil {
		return err
	}
	wanted := ""
	if b.app.Lein != nil {
		wanted = b.app.Lein.UberjarName
	}
	if b.computed(":uberjar-name") {
		wanted = b.created
	}
	chosen := chooseJar(jars, wanted)
	if chosen == nil {
		return b.noJar(jars)
	}
	b.uberjar = chosen.path
	main, err := mainOfJar(b.Path(chosen.path))
	switch {
	case err != nil:
		return fmt.Errorf("looking for what starts %q: %w", chosen.path, err)
	case main.compiled:
	case main.source:
		b.main = main.namespace()
		if b.HasProcfile() {
			break
		}
		b.Log.Warn("%s: its Main-Class %s is not compiled. The slug starts it by `clojure.main -m %s`, which compiles "+
			"it at every start: write (:gen-class) in the namespace, and `:profiles {:uberjar {:aot :all}}`.",
			chosen.path, main.class, b.main)
	case b.HasProcfile() && (main.class != "" || b.mentioned(path.Base(chosen.path))):
		// checkProcfile looks at what the Procfile starts.
	default:
		return b.noMainClass(chosen.path, main)
	}
	return nil
}

// startsUberjar returns the JVM's arguments that start the uberjar, as words of a shell.
func (b *work) startsUberjar() string {
	jar := shell.Argument(b.uberjar)
	if b.main != "" {
		return "-cp " + jar + " clojure.main -m " + shell.Argument(b.main)
	}
	return "-jar " + jar
}

// noJar is called for a build without a jar that can be started, which is an error if project.clj
// names one.
func (b *work) noJar(jars []jar) error {
	wanted := ""
	if b.app.Lein != nil && b.app.Tool == "leiningen" {
		wanted = b.app.Lein.UberjarName
	}
	_, custom := b.env.user["BUILD_COMMAND"]
	_, task := b.env.user["LEIN_BUILD_TASK"]
	if wanted == "" || custom || task || b.app.BinBuild {
		if len(jars) > 0 {
			b.Log.Detail("No jar below %s has a Main-Class", b.target())
		}
		return nil
	}
	return &diagnosis.Diagnosis{
		ID: "clojure/uberjar-missing", Place: "project.clj",
		Summary: fmt.Sprintf("`%s` left no %s below %s.", b.lastLine, wanted, b.target()),
		Hints:   []string{"check :uberjar-name and :target-path in project.clj"},
	}
}

func (b *work) manifest() string {
	if b.app.Tool == "leiningen" {
		return "project.clj"
	}
	if b.app.Build != nil {
		return "build.clj"
	}
	return "deps.edn"
}

func chooseJar(jars []jar, wanted string) *jar {
	slices.SortFunc(jars, func(a, b jar) int {
		if a.size != b.size {
			return int(b.size - a.size)
		}
		return strings.Compare(a.path, b.path)
	})
	for _, fits := range []func(jar) bool{
		func(j jar) bool { return wanted != "" && (path.Base(j.path) == path.Base(wanted)) },
		func(j jar) bool { return strings.HasSuffix(j.path, "-standalone.jar") },
		func(j jar) bool { return j.class != "" },
	} {
		if i := slices.IndexFunc(jars, fits); i >= 0 {
			return &jars[i]
		}
	}
	return nil
}

// builtJars lists the jars below the target directory. It follows no links.
func (b *work) builtJars() ([]jar, error) {
	var found []jar
	top := filepath.Join(b.Dir, b.target())
	err := filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			if file == top {
				return fs.SkipAll
			}
			return err
		}
		if !d.Type().IsRegular() || filepath.Ext(file) != ".jar" {
			return nil
		}
		if len(found) == maxJars {
			return fs.SkipAll
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := within(b.Dir, file)
		found = append(found, jar{path: rel, size: info.Size(), class: manifestOf(file).class})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for jars: %w", err)
	}
	return found, nil
}

// tidy removes what the build left below the target directory besides the jar that starts the app:
// compiled classes, which the jar contains, and the thin jar. It keeps what the Procfile names.
func (b *work) tidy() error {
	target := b.target()
	if err := os.RemoveAll(filepath.Join(b.Dir, target, "stale")); err != nil {
		return fmt.Errorf("tidying: %w", err)
	}
	if b.uberjar == "" {
		return nil
	}
	jars, err := b.builtJars()
	if err != nil {
		return err
	}
	needless := b.needlessJars(jars)
	for dir := path.Dir(b.uberjar); dir != "." && dir != "/"; dir = path.Dir(dir) {
		needless = append(needless, dir+"/classes", dir+"/stale")
	}
	for _, name := range needless {
		if b.mentioned(name) || b.starts(name) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(b.Dir, filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("tidying: %w", err)
		}
	}
	return nil
}

// needlessJars returns which of the jars that the build made do not belong in the slug: the thin one beside the
// uberjar, unless the Procfile names it.
func (b *work) needlessJars(jars []jar) (needless []string) {
	for _, j := range jars {
		if b.app.Tool == "leiningen" && j.path != b.uberjar && path.Dir(j.path) == path.Dir(b.uberjar) &&
			!b.mentioned(j.path) && !b.starts(j.path) {
			needless = append(needless, j.path)
		}
	}
	return needless
}
