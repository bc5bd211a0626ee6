package clojure

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slugc/buildpacks/diagnosis"
)

// tool runs a program in the app's root, its output passed on. When it fails, the error is a diagnosis: one of the known ones, or
// clojure/build-failed with the last lines.
func (b *work) tool(shown, program string, argv ...string) error {
	return b.run(nil, shown, program, argv...)
}

// output runs the Clojure command and returns what it prints on standard output.
func (b *work) output(words []string) ([]byte, error) {
	var out bytes.Buffer
	b.say.step("Running clojure %s", strings.Join(words, " "))
	err := b.run(&out, "clojure "+strings.Join(words, " "), b.env.look("clojure"), words...)
	return out.Bytes(), err
}

func (b *work) run(stdout io.Writer, shown, program string, argv ...string) error {
	out := b.say.stream(b.noise)
	cmd := exec.CommandContext(b.ctx, program, argv...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = b.dir, b.env.list(), out, out, 10*time.Second
	if stdout != nil {
		cmd.Stdout = stdout
	}
	b.lastLine = shown
	err := cmd.Run()
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil {
		return nil
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return fmt.Errorf("running %q: %w", shown, err)
	}
	if d := diagnosis.Recognise(b.patterns(), out.last()); d != nil {
		d.Place = b.place(d.Place)
		return d
	}
	return unrecognised(shown, exit.String(), out.last())
}

// place is a place of a diagnosis relative to the app: the compiler names files relative to the classpath's directories. "" is a file that is not
// the app's.
func (b *work) place(place string) string {
	file, line, _ := strings.Cut(place, ":")
	if rel, own := within(b.dir, file); filepath.IsAbs(file) && own {
		file = rel
	}
	for _, dir := range b.sourceDirs() {
		if info, err := os.Stat(filepath.Join(b.dir, dir, file)); file != "" && err == nil && info.Mode().IsRegular() {
			file = filepath.ToSlash(filepath.Join(dir, file))
			if line != "" {
				file += ":" + line
			}
			return file
		}
	}
	return ""
}

// sourceDirs are where the app's own sources may lie, the likely first.
func (b *work) sourceDirs() []string {
	dirs := []string{"", "src"}
	if b.app.Deps != nil {
		dirs = append(dirs, b.app.Deps.Paths...)
	}
	return append(dirs, "src/main/clojure", "src/clj", "src/cljc", "src/cljs", "test")
}

// unrecognised is the diagnosis of a failure that no pattern knows.
func unrecognised(command, status string, tail []byte) *diagnosis.Diagnosis {
	d := &diagnosis.Diagnosis{ID: "clojure/build-failed", Summary: fmt.Sprintf("`%s` failed (%s).", command, status)}
	if status == "signal: killed" || status == "exit status 137" { // 137: a shell's word for the same
		d.ID, d.Summary = "clojure/out-of-memory", fmt.Sprintf("`%s` was killed, most likely because memory ran out.", command)
		d.Hints = []string{"give the build more memory, or set JVM_OPTS and LEIN_JVM_OPTS to -Xmx400m or so"}
		return d
	}
	lines := strings.Split(strings.TrimSpace(string(bytes.ToValidUTF8(tail, nil))), "\n")
	for _, line := range slices.Backward(lines) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "at ") || strings.HasPrefix(line, "Full report at") {
			continue
		}
		if d.Hints = append(d.Hints, "it said: "+line[:min(len(line), 300)]); len(d.Hints) == 5 {
			break
		}
	}
	slices.Reverse(d.Hints)
	return d
}

// noise reports lines that speak of the tools' own affairs.
func (b *work) noise(line []byte) bool {
	text := string(line)
	for _, prefix := range []string{"Picked up JAVA_TOOL_OPTIONS", "NOTE: Picked up JDK_JAVA_OPTIONS", "SLF4J: ", "WARNING: You have $LEIN", "Warning: failed to load the S3TransporterFactory"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	// A first build fetches hundreds of files; their descriptions are the lesser half.
	return (strings.HasPrefix(text, "Retrieving ") || strings.HasPrefix(text, "Downloading: ")) && strings.Contains(text, ".pom from ")
}
