package clojure

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// tool runs a program in the app's root and shows its output. If it fails, the error is a
// diagnosis: a known one, or clojure/build-failed with the last lines.
func (b *work) tool(shown, program string, argv ...string) error {
	return command.Twice(b.Log.Again, func() error { return b.run(nil, shown, program, argv...) })
}

// output runs the Clojure command and returns its standard output.
func (b *work) output(words []string) ([]byte, error) {
	var out bytes.Buffer
	b.Log.Step("Running clojure %s", strings.Join(words, " "))
	err := b.run(&out, "clojure "+strings.Join(words, " "), b.env.vars.Look("clojure"), words...)
	return out.Bytes(), err
}

func (b *work) run(stdout io.Writer, shown, program string, argv ...string) error {
	b.lastLine = shown
	damaged := false
	drop := func(line string) bool {
		damaged = damaged || corrupted.MatchString(line)
		return noise(line)
	}
	tail, err := b.Log.Run(b.Context,
		command.Command{Program: program, Args: argv, Shown: shown, Dir: b.Dir, Env: b.env.vars.List(),
			Stdout: stdout, Network: "clojure/network", Asks: command.Hosts(b.mirror), Stuck: stuck,
			Offline: b.fetchedAll, Drop: drop})
	if damaged {
		return b.refuseCorrupted()
	}
	for _, line := range created.FindAll(tail, -1) {
		if rel, own := within(b.Dir, strings.TrimPrefix(string(line), "Created ")); own {
			b.created = rel
		}
	}
	err = command.Explain(err, b.patterns(), unknown)
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); ok {
		d.Place = b.place(d.Place)
	}
	return err
}

var (
	// compiling matches what Leiningen says before it compiles a namespace, and packed what it says when it has
	// compiled all.
	compiling = lazyregexp.New(`^Compiling ([\w.*+!?<>=-]+)$`)
	packed    = lazyregexp.New(`^(?:Created|Wrote) .*\.jar$|^Compilation succeeded`)
)

// stuck explains the silence of a build by its last lines. What a namespace logs comes after its name.
func stuck(shown string, lines []string) *diagnosis.Diagnosis {
	var m []string
	for _, line := range slices.Backward(lines) {
		if m = compiling.FindStringSubmatch(line); m != nil || packed.MatchString(line) {
			break
		}
	}
	if m == nil {
		return command.Hangs("clojure")(shown, lines)
	}
	return &diagnosis.Diagnosis{
		ID: "clojure/compile-hangs", Waiting: true,
		Summary: fmt.Sprintf("`%s` compiles %s and does not end.", shown, m[1]),
		Hints: []string{
			"code at the top level runs when a namespace is compiled, and what it starts keeps Java alive (threads, " +
				"executors, servers, connections): start it in -main, or wrap it in (delay …); " + m[1] +
				" is the namespace that was compiled last",
			"or start it only if *compile-files* is false",
		},
	}
}

// created matches what Leiningen says of the jars that it has written.
var created = lazyregexp.New(`(?m)^Created /.*\.jar$`)

// place returns a place of a diagnosis relative to the app. The compiler names files relative to
// the directories of the classpath. A file that is not the app's is "".
func (b *work) place(place string) string {
	file, line, _ := strings.Cut(place, ":")
	if rel, own := within(b.Dir, file); filepath.IsAbs(file) && own {
		file = rel
	}
	for _, dir := range b.sourceDirs() {
		if info, err := os.Stat(filepath.Join(b.Dir, dir, file)); file != "" && err == nil && info.Mode().IsRegular() {
			file = filepath.ToSlash(filepath.Join(dir, file))
			if line != "" {
				file += ":" + line
			}
			return file
		}
	}
	return ""
}

// sourceDirs returns the directories that may contain the app's own sources, the likely ones first.
func (b *work) sourceDirs() []string {
	dirs := []string{"", "src"}
	if b.app.Deps != nil {
		dirs = append(dirs, b.app.Deps.Paths...)
	}
	return append(dirs, "src/main/clojure", "src/clj", "src/cljc", "src/cljs", "test")
}

// unknown describes a failure that no pattern recognises.
var unknown = command.Unknown{
	ID:     "clojure/build-failed",
	Memory: "give the build more memory, or set JVM_OPTS and LEIN_JVM_OPTS to -Xmx400m or so",
}

// noise reports lines that only concern the tools themselves.
func noise(line string) bool {
	for _, prefix := range []string{"Picked up JAVA_TOOL_OPTIONS", "NOTE: Picked up JDK_JAVA_OPTIONS", "SLF4J: ",
		"WARNING: You have $LEIN", "Warning: failed to load the S3TransporterFactory"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	// A first build fetches hundreds of files; half of them are POMs.
	return (strings.HasPrefix(line, "Retrieving ") || strings.HasPrefix(line, "Downloading: ")) &&
		strings.Contains(line, ".pom from ")
}
