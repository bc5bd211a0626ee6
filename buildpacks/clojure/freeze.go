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

// frozen says how an app runs from its sources, without the tool that builds it.
type frozen struct {
	path    []string // the classpath: directories of the app and jars, absolute
	options []string // for the JVM
	// main is clojure.main or another class, with its arguments; empty if the app names nothing to
	// run.
	main  []string
	calls string // the namespace whose function main calls, if it is not -main; "" for others
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
	return nil
}

// allFrozen returns the classpaths that the slug starts something on, besides jars.
func (b *work) allFrozen() (all []*frozen) {
	if b.frozen != nil {
		all = append(all, b.frozen)
	}
	if b.leinRun != nil {
		all = append(all, b.leinRun)
	}
	for _, v := range b.variants {
		all = append(all, v.frozen)
	}
	return all
}

// settle packs what the classpaths have and makes the layer of their libraries.
func (b *work) settle() error {
	all := b.allFrozen()
	if len(all) == 0 {
		return nil
	}
	packed := map[string]string{}
	for _, f := range all {
		if err := b.packClasses(f, packed); err != nil {
			return err
		}
	}
	if err := b.dependencyLayer(all); err != nil {
		return err
	}
	return b.checkMains()
}

// packClasses packs a directory of compiled namespaces into a jar beside it. All files of a slug
// have the same time, so that Clojure would compile the sources at every start. Entries of a jar
// keep times of their own.
func (b *work) packClasses(f *frozen, packed map[string]string) error {
	for i, entry := range f.path {
		rel, own := within(b.Root, entry)
		if !own || strings.HasPrefix(rel, ".layers/") || filepath.Base(entry) != "classes" {
			continue
		}
		if jar := packed[entry]; jar != "" {
			f.path[i] = jar
			continue
		}
		files, err := os.ReadDir(entry)
		if err != nil || len(files) == 0 {
			continue
		}
		jar := entry + ".jar"
		if err := jarOf(jar, entry, b.entries); err != nil {
			return fmt.Errorf("packing %q: %w", rel, err)
		}
		if err := os.RemoveAll(entry); err != nil {
			return fmt.Errorf("packing %q: %w", rel, err)
		}
		f.path[i], packed[entry] = jar, jar
	}
	return nil
}

// dependencyLayer copies the classpaths' libraries into the layer "dependencies", in the order of
// the classpaths. A library from a git repository, which is a directory, becomes a jar.
func (b *work) dependencyLayer(all []*frozen) error {
	layer, err := b.Layer("dependencies")
	if err != nil {
		return err
	}
	l := library{layer: layer.Path, files: map[string]string{}}
	for _, f := range all {
		for i, entry := range f.path {
			if f.path[i], err = b.add(&l, entry, i); err != nil {
				return err
			}
		}
	}
	key := hex.EncodeToString(l.sum())
	if layer.Metadata["jars"] != key {
		if layer, err = language.EmptyLayer(layer); err != nil {
			return err
		}
		for i, name := range l.names {
			if err := disk.CopyFile(l.sources[i], filepath.Join(layer.Path, name), 0o644); err != nil {
				return err
			}
		}
	}
	for _, f := range all {
		f.path = slices.DeleteFunc(f.path, func(entry string) bool { return !tree.Exists(entry) })
	}
	layer.Metadata = map[string]any{"jars": key}
	if b.frozen != nil {
		layer.LaunchEnvironment.Override("CLASSPATH", strings.Join(b.frozen.path, ":"))
	}
	b.Contribute(layer, libcnb.LayerTypes{Launch: true, Cache: true})
	b.Log.Step("Froze a classpath of %d jars", len(l.names))
	return nil
}

// library is the content of the layer "dependencies".
type library struct {
	layer          string
	names, sources []string          // of the files in the layer, and where they were fetched to
	lines          strings.Builder   // their digests and names
	files          map[string]string // by where they were fetched to
}

func (l *library) sum() []byte {
	sum := sha256.Sum256([]byte(l.lines.String()))
	return sum[:]
}

// add adds entry i of a classpath to the layer, and returns where the entry is when the app runs. The app's
// own files, those that a member uses around it, and what does not exist, stay where they are.
func (b *work) add(l *library, entry string, i int) (string, error) {
	if rel, own := within(b.Root, entry); own && !strings.HasPrefix(rel, ".layers/") || !tree.Exists(entry) {
		return entry, nil
	}
	if placed := l.files[entry]; placed != "" {
		return placed, nil
	}
	b.fetched = append(b.fetched, entry)
	source, name := entry, filepath.Base(entry)
	if tree.IsDir(entry) {
		var err error
		if source, name, err = b.jarOfLibrary(len(l.names), entry); err != nil {
			return "", err
		}
	}
	for base := name; slices.Contains(l.names, name); i++ {
		name = fmt.Sprintf("%d-%s", i, base)
	}
	sum, _, err := digest.File(source)
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", name, err)
	}
	fmt.Fprintf(&l.lines, "%s %s\n", sum.Hex(), name)
	l.names, l.sources = append(l.names, name), append(l.sources, source)
	l.files[entry] = filepath.Join(l.layer, name)
	return l.files[entry], nil
}

// jarOfLibrary packs a directory of the classpath into a jar named after the library,
// shop-‹commit›.jar.
func (b *work) jarOfLibrary(i int, dir string) (jar, name string, err error) {
	name = filepath.Base(dir) + ".jar"
	if c, ok := b.component(dir); ok {
		name = c.Name + "-" + c.Version + ".jar"
	}
	jar = filepath.Join(b.home, fmt.Sprintf("library-%d.jar", i))
	if err := jarOf(jar, dir, b.entries); err != nil {
		return "", "", fmt.Errorf("packing %q: %w", name, err)
	}
	return jar, name, nil
}

// resolved matches the function in the form that `lein run` passes to the JVM.
var resolved = lazyregexp.New(`clojure\.core/resolve \(quote ([^\s()]+)\)`)

// freezeLein reads the command that `lein trampoline run` would start, with the profiles of the Procfile.
func (b *work) freezeLein() (*frozen, error) {
	if b.app.Lein.Main == "" && !slices.Contains(b.app.Lein.Computed, ":main") {
		return b.leinClasspath()
	}
	file := filepath.Join(b.home, "trampoline")
	b.env.vars["TRAMPOLINE_FILE"] = file
	options := b.env.vars["JVM_OPTS"]
	delete(b.env.vars, "JVM_OPTS") // it is for builds, and Leiningen would add it to the command
	defer func() {
		delete(b.env.vars, "TRAMPOLINE_FILE")
		b.env.vars["JVM_OPTS"] = options
	}()
	if err := b.lein("with-profile", b.leinProfile(), "trampoline", "run"); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading what Leiningen would run: %w", err)
	}
	return b.parseTrampoline(trampolineWords(string(data)))
}

// parseTrampoline reads the command line that Leiningen would start.
func (b *work) parseTrampoline(words []string) (*frozen, error) {
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
			f.main = b.mainOf(f, form)
			return f, nil
		case !needlessOption(word, b.Dir):
			f.options = append(f.options, word)
		}
	}
	return nil, errors.New("reading what Leiningen would run: it starts no clojure.main")
}

// leinClasspath reads the classpath of a project that names nothing to run; its Procfile does.
func (b *work) leinClasspath() (*frozen, error) {
	file := filepath.Join(b.home, "classpath")
	if err := b.lein("with-profile", b.leinProfile(), "classpath", file); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the classpath: %w", err)
	}
	return &frozen{path: strings.Split(strings.TrimSpace(string(data)), ":")}, nil
}

// trampolineWords splits 'a' 'b c' into words. Leiningen escapes nothing inside the quotes.
func trampolineWords(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "'"), "'")
	return strings.Split(line, "' '")
}

// needlessOption reports options of Leiningen that the running app does not need.
func needlessOption(option, dir string) bool {
	for _, prefix := range []string{"-Dclojure.compile.path=", "-Dclojure.debug=", "-Dfile.encoding=",
		"-XX:+TieredCompilation", "-XX:TieredStopAtLevel=", "-Dleiningen."} {
		if strings.HasPrefix(option, prefix) {
			return true
		}
	}
	return strings.Contains(option, dir)
}

// mainOf returns the JVM's arguments for the function that a form of `lein run` calls.
func (b *work) mainOf(f *frozen, form []byte) []string {
	m := resolved.FindSubmatch(bytes.TrimSpace(form))
	if m == nil {
		return nil
	}
	ns, function, _ := strings.Cut(string(m[1]), "/")
	if function != "-main" {
		f.calls = ns
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

// sourceRoots returns the directories that may contain namespaces of the app.
func (b *work) sourceRoots() []string {
	roots := []string{filepath.Join(b.Dir, b.target(), "classes")}
	for _, dir := range b.sourceDirs() {
		roots = append(roots, filepath.Join(b.Dir, filepath.FromSlash(dir)))
	}
	return roots
}

func (b *work) compiledClass(name string) bool {
	_, err := os.Stat(filepath.Join(b.Dir, b.target(), "classes", filepath.FromSlash(name)))
	return err == nil
}

// runAlias returns the alias of deps.edn that runs the app: the first of the usual names that has
// :main-opts or :exec-fn; "" if there is none.
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

// freezeDeps reads the classpath from tools.deps.
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
	for entry := range strings.SplitSeq(lines[len(lines)-1], ":") {
		if !filepath.IsAbs(entry) {
			entry = filepath.Join(b.Dir, entry)
		}
		f.path = append(f.path, entry)
	}
	return f, nil
}

// frozenAlias returns what an alias runs, without the classpath.
func frozenAlias(name string, alias detect.DepsAlias) *frozen {
	f := &frozen{options: alias.JVMOpts, main: append([]string{"clojure.main"}, alias.MainOpts...)}
	if len(alias.MainOpts) == 0 {
		f.main = append(f.main, "-e", execForm(name, alias))
		if f.calls = alias.NsDefault; strings.Contains(alias.ExecFn, "/") {
			f.calls, _, _ = strings.Cut(alias.ExecFn, "/")
		}
	}
	return f
}

// execForm returns a form that calls the function of an alias as `clojure -X` does. It reads the
// arguments from deps.edn when the app starts.
func execForm(name string, alias detect.DepsAlias) string {
	ns, function, ok := strings.Cut(alias.ExecFn, "/")
	if !ok {
		ns, function = alias.NsDefault, alias.ExecFn
	}
	if !alias.ExecArgs {
		return fmt.Sprintf("(do (require '%s) (%s/%s {}))", ns, ns, function)
	}
	args := `(get-in (clojure.edn/read-string {:default tagged-literal} (slurp "deps.edn")) ` +
		fmt.Sprintf("[:aliases :%s :exec-args])", name)
	return fmt.Sprintf("(do (require '%s 'clojure.edn) (%s/%s %s))", ns, ns, function, args)
}
