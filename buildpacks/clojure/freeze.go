package clojure

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/detect"
	"slugc/detect/lazyregexp"
)

// frozen is how an app runs from its sources without the tool that builds it.
type frozen struct {
	path    []string // the classpath: directories of the app and jars, absolute
	options []string // for the JVM
	// arguments of clojure.main, or a class and its arguments; empty where the app names nothing to
	// run
	main []string
}

// freeze resolves the classpath of an app without an uberjar, copies its jars into a layer and puts
// CLASSPATH into the launch environment.
func (b *work) freeze() error {
	if b.uberjar != "" {
		return nil
	}
	var err error
	if b.app.Tool == "leiningen" {
		b.frozen, err = b.freezeLein()
	} else {
		b.frozen, err = b.freezeDeps()
	}
	if err != nil {
		return err
	}
	if err := b.packClasses(); err != nil {
		return err
	}
	return b.dependencyLayer()
}

// packClasses puts a directory of compiled namespaces into a jar beside it. All files of a slug are
// of one time, and Clojure would hold the compiled namespaces for stale and compile their sources
// at every start; in a jar they keep times of their own.
func (b *work) packClasses() error {
	for i, entry := range b.frozen.path {
		rel, own := within(b.dir, entry)
		if !own || strings.HasPrefix(rel, ".layers/") || filepath.Base(entry) != "classes" {
			continue
		}
		files, err := os.ReadDir(entry)
		if err != nil || len(files) == 0 {
			continue
		}
		jar := entry + ".jar"
		if err := jarOf(jar, entry); err != nil {
			return fmt.Errorf("packing %q: %w", rel, err)
		}
		if err := os.RemoveAll(entry); err != nil {
			return fmt.Errorf("packing %q: %w", rel, err)
		}
		b.frozen.path[i] = jar
	}
	return nil
}

// dependencyLayer copies the classpath's libraries into the layer "dependencies", in the order of
// the classpath. A library that git has brought, a directory, becomes a jar.
func (b *work) dependencyLayer() error {
	layer, err := b.layer("dependencies", libcnb.LayerTypes{Launch: true, Cache: true})
	if err != nil {
		return err
	}
	var names, sources []string
	all := sha256.New()
	for i, entry := range b.frozen.path {
		if rel, own := within(b.dir, entry); own && !strings.HasPrefix(rel, ".layers/") || !tree.Exists(entry) {
			continue
		}
		b.fetched = append(b.fetched, entry)
		name := filepath.Base(entry)
		if tree.IsDir(entry) {
			if entry, name, err = b.jarOfLibrary(i, entry); err != nil {
				return err
			}
		}
		if slices.Contains(names, name) {
			name = fmt.Sprintf("%d-%s", i, name)
		}
		sum, _, err := digest.File(entry)
		if err != nil {
			return fmt.Errorf("reading %q: %w", name, err)
		}
		fmt.Fprintf(all, "%s %s\n", sum.Hex(), name)
		names, sources = append(names, name), append(sources, entry)
		b.frozen.path[i] = filepath.Join(layer.Path, name)
	}
	key := hex.EncodeToString(all.Sum(nil))
	if layer.Metadata["jars"] != key {
		if layer, err = language.EmptyLayer(layer); err != nil {
			return err
		}
		for i, name := range names {
			if err := disk.CopyFile(sources[i], filepath.Join(layer.Path, name), 0o644); err != nil {
				return err
			}
		}
	}
	b.frozen.path = slices.DeleteFunc(b.frozen.path, func(entry string) bool { return !tree.Exists(entry) })
	layer.Metadata = map[string]any{"jars": key}
	layer.LaunchEnvironment.Override("CLASSPATH", strings.Join(b.frozen.path, ":"))
	b.result.Layers = append(b.result.Layers, layer)
	b.say.Step("Froze a classpath of %d jars", len(names))
	return nil
}

// jarOfLibrary packs a directory of the classpath into a jar, which it names after the library:
// shop-‹commit›.jar.
func (b *work) jarOfLibrary(i int, dir string) (jar, name string, err error) {
	name = filepath.Base(dir) + ".jar"
	if c, ok := b.component(dir); ok {
		name = c.Name + "-" + c.Version + ".jar"
	}
	jar = filepath.Join(b.home, fmt.Sprintf("library-%d.jar", i))
	if err := jarOf(jar, dir); err != nil {
		return "", "", fmt.Errorf("packing %q: %w", name, err)
	}
	return jar, name, nil
}

// The form that `lein run` hands to the JVM names what is called: (resolve (quote
// shop.core/-main)), or (Class/forName "shop.Main").
var resolved = lazyregexp.New(`clojure\.core/resolve \(quote ([^\s()]+)\)`)

// freezeLein asks Leiningen for the command that `lein with-profile production trampoline run`
// would start.
func (b *work) freezeLein() (*frozen, error) {
	if b.app.Lein.Main == "" && !slices.Contains(b.app.Lein.Computed, ":main") {
		return b.leinClasspath()
	}
	file := filepath.Join(b.home, "trampoline")
	b.env.vars["TRAMPOLINE_FILE"] = file
	options := b.env.vars["JVM_OPTS"]
	delete(b.env.vars, "JVM_OPTS") // is for builds, and Leiningen would put it into the command
	defer func() {
		delete(b.env.vars, "TRAMPOLINE_FILE")
		b.env.vars["JVM_OPTS"] = options
	}()
	if err := b.lein("with-profile", "production", "trampoline", "run"); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading what Leiningen would run: %w", err)
	}
	words := trampolineWords(string(data))
	f := &frozen{}
	for i := 1; i < len(words); i++ {
		switch word := words[i]; {
		case (word == "-classpath" || word == "-cp") && i+1 < len(words):
			f.path = strings.Split(words[i+1], ":")
			i++
		case word == "clojure.main" && i+2 < len(words) && words[i+1] == "-i":
			form, err := os.ReadFile(words[i+2])
			if err != nil {
				return nil, fmt.Errorf("reading what Leiningen would run: %w", err)
			}
			_ = os.Remove(words[i+2])
			f.main = b.mainOf(form)
			return f, nil
		case !needlessOption(word, b.dir):
			f.options = append(f.options, word)
		}
	}
	return nil, errors.New("reading what Leiningen would run: it starts no clojure.main")
}

// leinClasspath is for a project that names nothing to run: its Procfile does.
func (b *work) leinClasspath() (*frozen, error) {
	file := filepath.Join(b.home, "classpath")
	if err := b.lein("with-profile", "production", "classpath", file); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the classpath: %w", err)
	}
	return &frozen{path: strings.Split(strings.TrimSpace(string(data)), ":")}, nil
}

// trampolineWords splits 'a' 'b c' into words. Leiningen escapes nothing between the quotes.
func trampolineWords(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "'"), "'")
	return strings.Split(line, "' '")
}

// needlessOption reports options of Leiningen's own that mean nothing to the running app.
func needlessOption(option, dir string) bool {
	for _, prefix := range []string{"-Dclojure.compile.path=", "-Dclojure.debug=", "-Dfile.encoding=",
		"-XX:+TieredCompilation", "-XX:TieredStopAtLevel=", "-Dleiningen."} {
		if strings.HasPrefix(option, prefix) {
			return true
		}
	}
	return strings.Contains(option, dir)
}

// mainOf reads what a form of `lein run` calls.
func (b *work) mainOf(form []byte) []string {
	m := resolved.FindSubmatch(bytes.TrimSpace(form))
	if m == nil {
		return nil
	}
	ns, function, _ := strings.Cut(string(m[1]), "/")
	if function != "-main" {
		return []string{"clojure.main", "-e", fmt.Sprintf("(do (require '%s) (%s/%s))", ns, ns, function)}
	}
	base := strings.NewReplacer(".", "/", "-", "_").Replace(ns)
	for _, dir := range b.sourceRoots() {
		for _, end := range []string{".clj", ".cljc", "__init.class"} {
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(base+end))); err == nil {
				return []string{"clojure.main", "-m", ns}
			}
		}
	}
	if b.compiledClass(base + ".class") {
		return []string{ns}
	}
	return []string{"clojure.main", "-m", ns}
}

// sourceRoots are the directories that a namespace of the app's may lie in.
func (b *work) sourceRoots() []string {
	roots := []string{filepath.Join(b.dir, b.target(), "classes")}
	for _, dir := range b.sourceDirs() {
		roots = append(roots, filepath.Join(b.dir, filepath.FromSlash(dir)))
	}
	return roots
}

func (b *work) compiledClass(name string) bool {
	_, err := os.Stat(filepath.Join(b.dir, b.target(), "classes", filepath.FromSlash(name)))
	return err == nil
}

// runAlias is the alias of deps.edn that says what runs, by the names that it usually has; "" where
// there is none of these with :main-opts or :exec-fn.
func (b *work) runAlias() string {
	aliases := b.app.Deps.Aliases
	runs := func(name string) bool { return len(aliases[name].MainOpts) > 0 || aliases[name].ExecFn != "" }
	for _, name := range []string{"run", "main", "start", "run-m", "run-x"} {
		if runs(name) {
			return name
		}
	}
	return ""
}

// freezeDeps asks tools.deps for the classpath.
func (b *work) freezeDeps() (*frozen, error) {
	f, words := &frozen{}, []string{"-Spath"}
	if name := b.runAlias(); name != "" {
		f, words = frozenAlias(name, b.app.Deps.Aliases[name]), []string{"-A:" + name, "-Spath"}
	}
	out, err := b.output(words)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, entry := range strings.Split(lines[len(lines)-1], ":") {
		if !filepath.IsAbs(entry) {
			entry = filepath.Join(b.dir, entry)
		}
		f.path = append(f.path, entry)
	}
	return f, nil
}

// frozenAlias is what an alias runs, its classpath yet to be found.
func frozenAlias(name string, alias detect.DepsAlias) *frozen {
	f := &frozen{options: alias.JVMOpts, main: append([]string{"clojure.main"}, alias.MainOpts...)}
	if len(alias.MainOpts) == 0 {
		f.main = append(f.main, "-e", execForm(name, alias))
	}
	return f
}

// execForm calls the function of an alias as `clojure -X` does. Its arguments are read where the
// app runs, out of deps.edn, which is in the slug.
func execForm(name string, alias detect.DepsAlias) string {
	ns, function, ok := strings.Cut(alias.ExecFn, "/")
	if !ok {
		ns, function = alias.NsDefault, alias.ExecFn
	}
	if !alias.ExecArgs {
		return fmt.Sprintf("(do (require '%s) (%s/%s {}))", ns, ns, function)
	}
	args := fmt.Sprintf(`(get-in (clojure.edn/read-string {:default tagged-literal} (slurp "deps.edn")) [:aliases :%s :exec-args])`,
		name)
	return fmt.Sprintf("(do (require '%s 'clojure.edn) (%s/%s %s))", ns, ns, function, args)
}
