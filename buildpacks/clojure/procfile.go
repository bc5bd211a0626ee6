package clojure

import (
	"archive/zip"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/tree"
)

// checkProcfile looks at what the Procfile starts, when all files of the slug are there: a jar that nobody
// built, a jar without a class to start, and Java without a classpath are errors. Where another command runs
// before, or only the start decides what a word is, it warns.
func (b *work) checkProcfile() error {
	for _, c := range b.calls() {
		if path.Base(c.words[0].text) != "java" {
			continue
		}
		d := b.checkJava(c, readJava(c.words[1:]))
		if d == nil {
			continue
		}
		if c.certain && !tree.IsFile(b.Path(".profile")) {
			return d
		}
		b.Log.Warn("%s %s", d.Summary, strings.Join(d.Hints, "; "))
	}
	return nil
}

// javaCommand is the command line of java as far as it is known.
type javaCommand struct {
	jar       *word  // of -jar
	classpath *word  // of -cp
	main      string // the class that is started; "" for that of the jar, or if it is not known
	namespace string // of `clojure.main -m`
}

// valued are the options of java that take the next word.
var valued = []string{"--add-modules", "--add-opens", "--add-exports", "--add-reads", "--limit-modules", "-p",
	"--module-path", "--upgrade-module-path", "--patch-module"}

// readJava reads the words after java.
func readJava(words []word) (j javaCommand) {
	for i := 0; i < len(words); i++ {
		text := words[i].text
		value := func() *word {
			if i++; i < len(words) {
				return &words[i]
			}
			return nil
		}
		name, after, joined := strings.Cut(text, "=")
		switch {
		case text == "-jar":
			j.jar = value()
			return j
		case text == "-cp" || text == "-classpath" || text == "--class-path":
			j.classpath = value()
		case joined && name == "--class-path":
			j.classpath = &word{text: after, open: words[i].open}
		case slices.Contains(valued, text):
			i++
		case strings.HasPrefix(text, "-") || strings.HasPrefix(text, "@"):
		case words[i].open:
			if text != "" {
				return j // a class whose name is not known
			}
		default:
			j.main = text
			if rest := words[i+1:]; text == "clojure.main" && len(rest) > 1 && !rest[1].open &&
				(rest[0].text == "-m" || rest[0].text == "--main") {
				j.namespace = rest[1].text
			}
			return j
		}
	}
	return j
}

// checkJava returns what is wrong with a command of java, or nil.
func (b *work) checkJava(c call, j javaCommand) *diagnosis.Diagnosis {
	switch {
	case j.jar != nil && j.jar.open:
		made := "this build has made no jar"
		if b.uberjar != "" {
			made = "the jar of this build is " + b.uberjar
		}
		b.Log.Warn("The Procfile's %s starts a jar whose name only a variable has, which the build's configuration "+
			"lacks; %s.", c.process, made)
	case j.jar != nil:
		return b.checkJar(c, *j.jar)
	case j.classpath != nil && j.classpath.open:
	case j.classpath != nil:
		return b.checkClasspath(c, *j.classpath, j)
	case j.main != "" && b.frozen == nil && !c.classes && !hasClass([]string{b.Path(c.dir)}, j.main):
		return b.procfileFault("clojure/procfile-jar-missing", c, fmt.Sprintf("The Procfile's %s starts %s without "+
			"a jar and without a classpath, and all classes are in %s.", c.process, j.main, b.uberjar))
	case j.namespace != "" && b.frozen != nil && !c.classes && !hasNamespace(b.frozen.path, j.namespace):
		return noNamespaceFor(c.process, j.namespace)
	}
	return nil
}

// checkJar returns what is wrong with the jar that `java -jar` names, or nil.
func (b *work) checkJar(c call, jar word) *diagnosis.Diagnosis {
	files := b.files(c, jar)
	if len(files) == 0 {
		return b.noSuchJar(c, jar.text)
	}
	if len(files) > 1 {
		return b.procfileFault("clojure/procfile-jar-missing", c, fmt.Sprintf("The Procfile's %s starts %s, "+
			"which stands for %d files: Java takes the first, %s, for the app, and the others for its arguments.",
			c.process, jar.text, len(files), files[0]))
	}
	main, err := mainOfJar(b.Path(files[0]))
	if err != nil || main.compiled {
		return nil
	}
	d := b.noMainClass(files[0], main)
	if main.source {
		d.Hints = append([]string{fmt.Sprintf("or start its source: `%s: java $JAVA_OPTS -cp %s clojure.main -m %s`",
			c.process, files[0], main.namespace())}, d.Hints...)
	}
	return d
}

// checkClasspath returns what is wrong with the classpath of -cp, or nil. A classpath of which something is
// there is wrong only if the main namespace is not in it.
func (b *work) checkClasspath(c call, classpath word, j javaCommand) *diagnosis.Diagnosis {
	var found []string
	missing := ""
	for entry := range strings.SplitSeq(classpath.text, ":") {
		if entry == "" {
			continue
		}
		one := word{text: entry}
		one.text, one.glob = strings.CutSuffix(entry, "/*") // Java itself takes all jars of the directory
		if one.glob {
			one.text += "/*.jar"
		}
		files := b.files(c, one)
		if len(files) == 0 && filepath.Ext(entry) == ".jar" {
			missing = entry
		}
		for _, file := range files {
			found = append(found, b.Path(file))
		}
	}
	if missing != "" && (j.main == "" || !hasClass(found, j.main)) {
		return b.noSuchJar(c, missing)
	}
	if j.namespace != "" && !strings.HasPrefix(classpath.text, "/") && !hasNamespace(found, j.namespace) &&
		missing == "" {
		return noNamespaceFor(c.process, j.namespace)
	}
	return nil
}

// files returns the files of the app that a word stands for where a command runs, relative to the app. A file
// outside the app is taken to be there.
func (b *work) files(c call, w word) []string {
	r := callReader{work: b}
	name := r.local(w.text)
	if !path.IsAbs(name) {
		name = path.Join(c.dir, name)
	}
	if !filepath.IsLocal(name) {
		return []string{name}
	}
	if !w.glob {
		if !tree.Exists(b.Path(name)) {
			return nil
		}
		return []string{name}
	}
	matches, _ := filepath.Glob(b.Path(name))
	for i, file := range matches {
		matches[i], _ = within(b.Dir, file)
	}
	return matches
}

// noSuchJar is the error of a jar that the Procfile names and the build has not made.
func (b *work) noSuchJar(c call, jar string) *diagnosis.Diagnosis {
	d := b.procfileFault("clojure/procfile-jar-missing", c, fmt.Sprintf(
		"The Procfile's %s starts %s, which the build has not made.", c.process, path.Join(c.dir, jar)))
	switch {
	case b.uberjar == "":
		d.Hints = append(d.Hints, "the build made no jar: name one in project.clj (`:uberjar-name`), or set "+
			"LEIN_BUILD_TASK=uberjar or BUILD_COMMAND to what makes it")
	case b.app.Tool == "leiningen":
		d.Hints = append(d.Hints, fmt.Sprintf("or name the jar in project.clj: `:uberjar-name %q`", path.Base(jar)))
	}
	return d
}

// procfileFault is an error of a command in the Procfile. It names the jar that is there.
func (b *work) procfileFault(id string, c call, summary string) *diagnosis.Diagnosis {
	d := &diagnosis.Diagnosis{ID: id, Place: "Procfile", Summary: summary}
	if c.script != "" {
		d.Place = c.script
	}
	if b.uberjar != "" {
		d.Hints = []string{fmt.Sprintf("the build made %s: `%s: java $JAVA_OPTS %s`", b.uberjar, c.process,
			b.startsUberjar())}
	}
	return d
}

// noNamespaceFor is the error of a process whose main namespace is not on its classpath.
func noNamespaceFor(process, namespace string) *diagnosis.Diagnosis {
	return &diagnosis.Diagnosis{
		ID: "clojure/no-main-class", Place: "Procfile",
		Summary: fmt.Sprintf(
			"The process %s starts the namespace %s, which is not on its classpath.",
			process,
			namespace,
		),
		Hints: []string{"check the name; a dash in a namespace is an underscore in its file's name",
			"its directory must be one of the source paths of project.clj or deps.edn"},
	}
}

// starts reports whether a command of the Procfile starts a file of the app.
func (b *work) starts(name string) bool {
	return slices.ContainsFunc(b.calls(), func(c call) bool {
		j := readJava(c.words[1:])
		return path.Base(c.words[0].text) == "java" && j.jar != nil && !j.jar.open && !j.jar.glob &&
			slices.Equal(b.files(c, *j.jar), []string{name})
	})
}

// hasClass reports whether a classpath has a class, or the namespace that it would be compiled from.
func hasClass(classpath []string, class string) bool {
	base := strings.ReplaceAll(class, ".", "/")
	return hasEntry(classpath, base+".class", base+compiled)
}

// hasNamespace reports whether a classpath has a namespace, as source or compiled.
func hasNamespace(classpath []string, namespace string) bool {
	base := strings.NewReplacer(".", "/", "-", "_").Replace(namespace)
	return hasEntry(classpath, base+".clj", base+".cljc", base+compiled)
}

// hasEntry reports whether a directory or jar of a classpath has one of some files.
func hasEntry(classpath []string, names ...string) bool {
	for _, entry := range classpath {
		if tree.IsDir(entry) {
			if slices.ContainsFunc(names, func(name string) bool {
				return tree.IsFile(filepath.Join(entry, filepath.FromSlash(name)))
			}) {
				return true
			}
			continue
		}
		r, err := zip.OpenReader(entry)
		if err != nil {
			if !os.IsNotExist(err) {
				return true // what can't be read is not judged
			}
			continue
		}
		found := slices.ContainsFunc(r.File, func(f *zip.File) bool { return slices.Contains(names, f.Name) })
		r.Close()
		if found {
			return true
		}
	}
	return false
}
