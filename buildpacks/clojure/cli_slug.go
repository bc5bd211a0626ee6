package clojure

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/buildpacks/shell"
)

//go:embed shims/started.sh
var startedShim string

// variant is what one command line of the Clojure command starts, as far as its aliases decide it.
type variant struct {
	*frozen
	process string
	words   []string // the options that decide: "-M:prod", "-Sdeps", "{:deps …}"
	execute string   // of `clojure -X`, what is called with what by default: {:execute-args {…}}
	rest    []string // the arguments of the first command with these options
}

// key is the options as the shim of the slug joins them.
func (v *variant) key() string { return strings.Join(append([]string{""}, v.words...), " ") }

// executes reports whether the command calls a function: clojure -X, clojure -T.
func (v *variant) executes() bool {
	return slices.ContainsFunc(v.words, func(word string) bool {
		return strings.HasPrefix(word, "-X") || strings.HasPrefix(word, "-T")
	})
}

// freezeVariants freezes the classpath of each combination of aliases with which the Procfile calls the
// Clojure command.
func (b *work) freezeVariants() error {
	for _, c := range b.calls() {
		name := path.Base(c.words[0].text)
		if name != "clojure" && name != "clj" || strings.HasPrefix(c.words[0].text, ".") {
			continue
		}
		v, why := readVariant(c)
		if why == "" {
			why = b.cannotFreeze(v)
		}
		if why != "" && c.script == "" {
			return unfrozen(c, why)
		}
		if why != "" { // the script may not come to it
			b.Log.Warn("%s", unfrozen(c, why).Summary)
			continue
		}
		if slices.ContainsFunc(b.variants, func(other *variant) bool { return other.key() == v.key() }) {
			continue
		}
		if err := b.freezeVariant(v); err != nil {
			return err
		}
		b.variants = append(b.variants, v)
	}
	return nil
}

// unfrozen is the error of a command of the Procfile that nothing can start in the slug.
func unfrozen(c call, why string) *diagnosis.Diagnosis {
	var shown []string
	for _, w := range c.words {
		shown = append(shown, w.text)
	}
	d := &diagnosis.Diagnosis{
		ID: "clojure/procfile-not-frozen", Place: "Procfile",
		Summary: fmt.Sprintf("The process %s calls `%s`, and %s.", c.process, strings.Join(shown, " "), why),
		Hints: []string{
			"a slug has the classpath that the build has resolved: name aliases of deps.edn as they are written " +
				"there (`clojure -M:prod`)",
			"or start Java: `" + c.process + ": java $JAVA_OPTS clojure.main -m shop.core`",
		},
	}
	if c.script != "" {
		d.Place = c.script
	}
	return d
}

// readVariant reads the options of a call of the Clojure command, as the command does.
func readVariant(c call) (v *variant, why string) {
	v = &variant{frozen: &frozen{}, process: c.process}
	words := c.words[1:]
	for len(words) > 0 {
		text, more := words[0].text, 1
		if words[0].open {
			return v, "what a variable stands for is known only when it starts"
		}
		last := false
		switch {
		case text == "-Sdeps":
			if len(words) < 2 || words[1].open {
				return v, "what -Sdeps adds is known only when it starts"
			}
			v.words, more = append(v.words, text, words[1].text), 2
		case text == "-Sthreads":
			more = 2
		case text == "-Scp" || text == "-Spath" || text == "-Stree" || text == "-P" || text == "-Sdescribe":
			return v, text + " works on dependencies, which are there at build time only"
		case strings.HasPrefix(text, "-S") || strings.HasPrefix(text, "-J"):
		case strings.HasPrefix(text, "-A"):
			v.words = append(v.words, text)
		case strings.HasPrefix(text, "-M") || strings.HasPrefix(text, "-X") || strings.HasPrefix(text, "-T"):
			v.words, last = append(v.words, text), true
		default:
			more, last = 0, true
		}
		words = words[more:]
		if last {
			break
		}
	}
	for _, w := range words {
		v.rest = append(v.rest, w.text)
	}
	return v, ""
}

// aliases returns the names of the aliases.
func (v *variant) aliases() (names []string) {
	for i, word := range v.words {
		if i > 0 && v.words[i-1] == "-Sdeps" || len(word) < 2 || word == "-Sdeps" {
			continue
		}
		for name := range strings.SplitSeq(strings.TrimPrefix(word[2:], ":"), ":") {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// cannotFreeze returns why the build cannot resolve a variant; "" if it can.
func (b *work) cannotFreeze(v *variant) string {
	if b.installed("clojure") == nil {
		return "there is no deps.edn from which its classpath could be resolved"
	}
	for _, name := range v.aliases() {
		if _, ok := b.app.Deps.Aliases[name]; !ok && name != "deps" && name != "test" &&
			!slices.Contains(v.words, "-Sdeps") {
			return fmt.Sprintf("deps.edn has no alias :%s", name)
		}
	}
	return ""
}

// freezeVariant asks tools.deps for the classpath of a variant, and for what its aliases start.
func (b *work) freezeVariant(v *variant) error {
	dir, err := os.MkdirTemp(b.home, "frozen-")
	if err != nil {
		return fmt.Errorf("freezing a classpath: %w", err)
	}
	b.env.vars["SLUGC_FREEZE"] = dir
	defer delete(b.env.vars, "SLUGC_FREEZE")
	if err := b.clojure(v.words...); err != nil {
		return err
	}
	read := func(name string) (text string) {
		if err == nil {
			var data []byte
			if data, err = os.ReadFile(filepath.Join(dir, name)); errors.Is(err, os.ErrNotExist) && name != "cp" {
				err = nil // the aliases have none
			}
			text = strings.TrimSpace(string(data))
		}
		return text
	}
	for entry := range strings.SplitSeq(read("cp"), ":") {
		if !filepath.IsAbs(entry) {
			entry = filepath.Join(b.Dir, entry)
		}
		v.path = append(v.path, entry)
	}
	lines := func(text string) []string {
		return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return line == "" })
	}
	v.options, v.main, v.execute = lines(read("jvm")), lines(read("main")), read("execute")
	if err != nil {
		return fmt.Errorf("freezing a classpath: %w", err)
	}
	return nil
}

// checkMains requires that the namespaces which the slug starts by itself are on their classpaths.
func (b *work) checkMains() error {
	for _, v := range b.variants {
		if ns := namespaceOf(append(slices.Clone(v.main), v.rest...)); ns != "" && !v.executes() &&
			!hasNamespace(v.path, ns) {
			return noNamespaceFor(v.process, ns)
		}
	}
	if b.frozen == nil || len(b.frozen.main) == 0 || b.HasProcfile() && !callsLein.MatchString(b.procfile()) {
		return nil
	}
	main := b.frozen.main
	ns := b.frozen.calls
	if main[0] == "clojure.main" && ns == "" {
		ns = namespaceOf(main[1:])
	}
	if ns == "" || hasNamespace(b.frozen.path, ns) {
		return nil
	}
	if hasClass(b.frozen.path, ns) { // a class of Java
		b.frozen.main = []string{ns}
		return nil
	}
	d := noNamespaceFor("web", ns)
	d.Place = b.manifest()
	return d
}

// namespaceOf returns the namespace that `clojure.main -m` starts with these arguments; "" for others.
func namespaceOf(args []string) string {
	for i, arg := range args {
		if (arg == "-m" || arg == "--main") && i+1 < len(args) {
			return args[i+1]
		}
		if !strings.HasPrefix(arg, "-") {
			break
		}
	}
	return ""
}

// cliInSlug provides the running app with commands clojure and clj, which start what the Procfile names on its
// frozen classpath.
func (b *work) cliInSlug() error {
	if len(b.variants) == 0 {
		return nil
	}
	layer, err := b.Layer("clojure")
	if err != nil {
		return err
	}
	if layer, err = language.EmptyLayer(layer); err != nil {
		return err
	}
	write := func(name string, content []byte, mode os.FileMode) {
		if err == nil {
			err = os.WriteFile(filepath.Join(layer.Path, name), content, mode)
		}
	}
	if err := os.Mkdir(filepath.Join(layer.Path, "bin"), 0o755); err != nil {
		return fmt.Errorf("writing clojure: %w", err)
	}
	app := b.appFrom(filepath.Join(layer.Path, "bin"))
	var cases strings.Builder
	for i, v := range b.variants {
		b.startCase(&cases, v, i)
		if v.executes() {
			write(fmt.Sprintf("execute-%d.edn", i), []byte(v.execute+"\n"), 0o644)
		}
	}
	script := strings.NewReplacer("@APP@", app, "@CASES@", strings.TrimRight(cases.String(), "\n")).Replace(startedShim)
	write("exec.clj", execScript, 0o644)
	write("bin/clojure", []byte(script), 0o755)
	if err == nil {
		err = os.Symlink("clojure", filepath.Join(layer.Path, "bin", "clj"))
	}
	if err != nil {
		return fmt.Errorf("writing clojure: %w", err)
	}
	b.Contribute(layer, libcnb.LayerTypes{Launch: true})
	return nil
}

// appFrom returns words of a shell for the slug's root in a script of a directory of the slug: relative to the
// script where both move together.
func (b *work) appFrom(dir string) string {
	if _, own := within(b.Root, dir); own {
		if up, err := filepath.Rel(dir, b.Root); err == nil {
			return `$(cd "${0%/*}/` + up + `" && pwd)`
		}
	}
	return shell.Quote(b.Root)
}

// inApp returns a word of a shell for a file, where $app is the slug's root.
func (b *work) inApp(file string) string {
	if rel, own := within(b.Root, file); own {
		return `"$app"/` + shell.Quote(rel)
	}
	return shell.Quote(file)
}

// classpath returns a word of a shell for a classpath.
func (b *work) classpath(entries []string) string {
	words := make([]string, len(entries))
	for i, entry := range entries {
		words[i] = b.inApp(entry)
	}
	return strings.Join(words, ":")
}

// startCase writes the branch of the shim that starts a variant.
func (b *work) startCase(to *strings.Builder, v *variant, i int) {
	words := []string{}
	for _, option := range v.options {
		words = append(words, shell.Argument(option))
	}
	layer := filepath.Join(b.CNB.Layers.Path, "clojure")
	if v.executes() {
		words = append(words, "-Dclojure.basis="+b.inApp(filepath.Join(layer, fmt.Sprintf("execute-%d.edn", i))))
	}
	words = append(words, "$jvm -cp", b.classpath(v.path), "clojure.main")
	if v.executes() {
		words = append(words, b.inApp(filepath.Join(layer, "exec.clj")))
	}
	for _, word := range v.main {
		words = append(words, shell.Argument(word))
	}
	fmt.Fprintf(to, "%s) set -- %s \"$@\" ;;\n", shell.Quote(v.key()), strings.Join(words, " "))
}
