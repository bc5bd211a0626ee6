package node

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// programs lists the programs that the app's dependencies bring, sorted.
func (b *work) programs() []string {
	names := []string{}
	for _, dir := range b.programDirs() {
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// missing is a program that a process is started by and that the slug does not have.
type missing struct {
	program string
	script  string // the script of package.json that names it, "" where the command itself does
	pruned  bool   // it was there until development dependencies were taken out
}

// checkPrograms refuses a start script whose program was pruned, and warns of one that is not here, and of
// processes of the Procfile that cannot start.
func (b *work) checkPrograms(w webProcess) error {
	if b.deps.programs == nil || b.app.Manager == "berry" && b.app.NodeLinker == "pnp" {
		return nil // they are not known
	}
	for _, line := range b.procfile() {
		kind, command, _ := strings.Cut(line, ":")
		if kind = strings.TrimSpace(kind); kind == "web" {
			w.script = false
		}
		if m := b.missingIn(command, "", 3); m != nil && (m.pruned || m.script != "") {
			b.Log.Warn("The Procfile's %s can't start: %s %s", kind, m.text(), language.Sentence(b.remedies(m)[0]))
			b.Result.Labels = append(b.Result.Labels, libcnb.Label{Key: extension.WarnedLabel, Value: kind})
		}
	}
	if !w.script {
		return nil
	}
	m := b.missingIn(b.app.Scripts["start"], "start", 3)
	switch {
	case m == nil:
		return nil
	case !m.pruned: // a runner may have it
		b.Log.Warn("The app can't start here: %s %s", m.text(), language.Sentence(b.remedies(m)[0]))
		return nil
	}
	return &diagnosis.Diagnosis{
		ID: "node/start-program-missing", Place: "package.json scripts." + m.script,
		Summary: "The app can't start: " + m.text(), Hints: b.remedies(m),
	}
}

func (m *missing) text() string {
	who := "it runs " + m.program
	if m.script != "" {
		who = fmt.Sprintf("the script %q runs %s", m.script, m.program)
	}
	if m.pruned {
		return who + ", which is a development dependency and was pruned."
	}
	return who + ", which no dependency brings and this machine does not have."
}

// remedies say what the app's owner can do about a missing program, the likeliest first.
func (b *work) remedies(m *missing) []string {
	var hints []string
	for _, name := range []string{"start:prod", "start:production", "serve:prod", "production"} {
		if text := b.app.Scripts[name]; text != "" && b.missingIn(text, name, 2) == nil {
			hints = append(hints, fmt.Sprintf("start the app by its script %[1]s: a Procfile with `web: %[2]s %[1]s`",
				name, strings.Join(b.manager.run, " ")))
		}
	}
	if f := b.app.Framework; f != nil && f.Web != "" {
		hints = append(hints, fmt.Sprintf("start the app by `%s`", f.Web))
	}
	if m.pruned {
		return append(hints,
			fmt.Sprintf("move %s from devDependencies to dependencies", cmp.Or(packageWith[m.program], m.program)),
			"or set NPM_CONFIG_PRODUCTION=false in the build configuration to keep development dependencies")
	}
	return append(hints, fmt.Sprintf("add the package that brings %s to the dependencies", m.program))
}

// packageWith has the packages of programs that go by another name.
var packageWith = map[string]string{
	"nest": "@nestjs/cli", "ng": "@angular/cli", "tsc": "typescript", "babel-node": "@babel/node",
	"vue-cli-service": "@vue/cli-service", "remix-serve": "@remix-run/serve", "nuxt": "nuxt",
	"react-router-serve": "@react-router/serve", "tsx": "tsx", "ts-node-dev": "ts-node-dev",
	"react-router": "@react-router/dev", "strapi": "@strapi/strapi", "medusa": "@medusajs/cli",
}

// beyond matches what a script can hold that decides at run what is started: nothing is known of it then.
var beyond = lazyregexp.New("[|`(){}<]|\\$\\(|(?:^|[^&>])&(?:[^&]|$)|(?:^|[;&\\s])(?:if|for|while|case|until)\\s")

// words matches the words of a simple command.
var words = lazyregexp.New(`(?:[^\s"']|"[^"]*"|'[^']*')+`)

// missingIn returns the first program that a command certainly needs and that is not there, nil for none. It
// follows scripts of package.json depth times.
func (b *work) missingIn(command, script string, depth int) *missing {
	if depth == 0 || beyond.MatchString(command) {
		return nil
	}
	for one := range strings.SplitSeq(strings.ReplaceAll(command, "&&", ";"), ";") {
		argv := words.FindAllString(one, -1)
		for i := range argv {
			argv[i] = strings.Trim(argv[i], `"'`)
		}
		if m := b.missingOf(argv, script, depth); m != nil {
			return m
		}
	}
	return nil
}

// wrappers are programs that start the command that follows their options and assignments. The package managers'
// own, which fetch a program that is not there, are no promise that it can be fetched when the app starts.
var wrappers = []string{
	"exec", "env", "nice", "time", "cross-env", "cross-env-shell", "dotenv", "env-cmd", "dotenvx",
	"npx", "bunx", "pnpx",
}

// missingOf is missingIn for the words of one simple command.
func (b *work) missingOf(argv []string, script string, depth int) *missing {
	for len(argv) > 0 && isAssignment(argv[0]) {
		argv = argv[1:]
	}
	if len(argv) == 0 || strings.ContainsAny(argv[0], "$&*?~") {
		return nil
	}
	program := strings.TrimPrefix(strings.TrimPrefix(argv[0], "./"), "node_modules/.bin/")
	if program == argv[0] && strings.Contains(program, "/") {
		return nil // a file, which the app may have or make
	}
	if strings.HasPrefix(argv[0], "./") && program == strings.TrimPrefix(argv[0], "./") {
		return nil
	}
	if name, ok := b.scriptOf(argv); ok {
		return b.missingIn(b.app.Scripts[name], name, depth-1)
	}
	if rest := argv[1:]; slices.Contains([]string{"npm", "pnpm", "yarn", "bun"}, program) {
		if len(rest) > 1 && slices.Contains([]string{"exec", "dlx", "x"}, rest[0]) {
			return b.missingOf(afterOptions(rest[1:]), script, depth)
		}
		return nil
	}
	if !b.hasProgram(program) {
		return &missing{program: program, script: script, pruned: slices.Contains(b.deps.full, program)}
	}
	if slices.Contains(wrappers, program) {
		return b.missingOf(afterOptions(argv[1:]), script, depth)
	}
	return nil
}

// afterOptions returns the command after a wrapper's options and assignments, nothing where an option may have a
// value of its own.
func afterOptions(argv []string) []string {
	for len(argv) > 0 && (isAssignment(argv[0]) || argv[0] == "--" || argv[0] == "-y" || argv[0] == "--yes" ||
		argv[0] == "--no-install") {
		argv = argv[1:]
	}
	if len(argv) > 0 && strings.HasPrefix(argv[0], "-") {
		return nil
	}
	return argv
}

var assignment = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*=`)

func isAssignment(word string) bool { return assignment.MatchString(word) }

// scriptOf returns the script of the app's package.json that a command runs.
func (b *work) scriptOf(argv []string) (string, bool) {
	if len(argv) < 2 || !slices.Contains([]string{"npm", "pnpm", "yarn", "bun"}, argv[0]) {
		return "", false
	}
	rest := slices.DeleteFunc(slices.Clone(argv[1:]), func(word string) bool {
		return slices.Contains([]string{"-s", "--silent", "-q"}, word)
	})
	if len(rest) > 0 && (rest[0] == "run" || rest[0] == "run-script") {
		rest = rest[1:]
	} else if len(rest) > 0 && argv[0] == "npm" && rest[0] != "start" {
		return "", false
	}
	if len(rest) == 0 || slices.ContainsFunc(rest, func(word string) bool { // the script is a member's
		return word == "-w" || word == "-C" || strings.HasPrefix(word, "--workspace") ||
			strings.HasPrefix(word, "--prefix")
	}) {
		return "", false
	}
	_, ok := b.app.Scripts[rest[0]]
	return rest[0], ok
}

// builtin are words that every shell knows.
var builtin = []string{
	".", ":", "[", "alias", "cd", "command", "echo", "eval", "exec", "exit", "export", "false", "printf", "pwd", "read",
	"set", "shift", "source", "test", "time", "trap", "true", "ulimit", "umask", "unset", "wait",
}

// hasProgram reports whether a running app finds a program.
func (b *work) hasProgram(name string) bool {
	if slices.Contains(builtin, name) || slices.Contains(b.deps.programs, name) {
		return true
	}
	found := b.env.vars.Look(name)
	return found != "" && !strings.Contains(found, "/node_modules/.bin/")
}

// procfile returns the lines of the app's Procfile that name a process.
func (b *work) procfile() []string {
	data, err := tree.ReadIn(b.Dir, "Procfile", 256<<10)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(strings.Split(string(data), "\n"), func(line string) bool {
		return !strings.Contains(line, ":") || strings.HasPrefix(strings.TrimSpace(line), "#")
	})
}
