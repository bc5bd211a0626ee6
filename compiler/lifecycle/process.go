package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"slugc/buildpacks/shell"
	"slugc/compiler/procfile"
	"slugc/detect/lazyregexp"
)

// launchProcess is a process in launch.toml.
type launchProcess struct {
	Type       string   `toml:"type"`
	Command    any      `toml:"command"` // a list; a string before API 0.9
	Args       []string `toml:"args"`
	Direct     *bool    `toml:"direct"` // before API 0.9
	Default    bool     `toml:"default"`
	WorkingDir string   `toml:"working-dir"` // from API 0.8 on
	ExecEnv    []string `toml:"exec-env"`    // from API 0.12 on
}

// typeGrammar is the form of a process type (specification, "launch.toml"), which a Procfile's is narrower than.
var typeGrammar = lazyregexp.New(`^[A-Za-z0-9._-]+$`)

// addProcesses adds a buildpack's processes. They override those of the same type. Those whose type no Procfile can
// have are left out, with a note.
func (r *Result) addProcesses(bp Buildpack, list []launchProcess) error {
	isDefault := ""
	for _, p := range list {
		if bp.atLeast("0.12") && !p.in(execEnv) {
			continue
		}
		if err := procfile.CheckType(p.Type); err != nil && typeGrammar.MatchString(p.Type) {
			r.notes = append(r.notes, err.Error()+": it is left out")
			continue
		} else if err != nil {
			return err
		}
		line, err := p.line(bp)
		if err != nil {
			return fmt.Errorf("process %q: %w", p.Type, err)
		}
		if p.Default && isDefault != "" {
			return fmt.Errorf("both %q and %q are the default process", isDefault, p.Type)
		}
		if p.Default {
			isDefault, r.DefaultType = p.Type, p.Type
		} else if r.DefaultType == p.Type {
			r.DefaultType = ""
		}
		r.setProcess(procfile.Process{Type: p.Type, Command: line})
	}
	return nil
}

// in reports whether the process is for an execution environment.
func (p launchProcess) in(env string) bool {
	return len(p.ExecEnv) == 0 || slices.Contains(p.ExecEnv, env) || slices.Contains(p.ExecEnv, "*")
}

// line returns the line that starts the process by `bash -c`.
func (p launchProcess) line(bp Buildpack) (string, error) {
	if !bp.atLeast("0.8") {
		p.WorkingDir = ""
	}
	line, err := "", error(nil)
	if bp.atLeast("0.9") {
		line, err = p.directLine()
	} else {
		line, err = p.oldLine()
	}
	if err != nil {
		return "", err
	}
	if p.WorkingDir != "" {
		line = "cd " + shell.Quote(p.WorkingDir) + " && " + line
	}
	if strings.ContainsRune(line, 0) {
		return "", errors.New("its command has a NUL character")
	}
	return line, nil
}

// directLine is the line of a process whose command is a list, which no shell expands.
func (p launchProcess) directLine() (string, error) {
	if p.Direct != nil {
		return "", errors.New("the key direct is not supported by this version of the API")
	}
	list, ok := p.Command.([]any)
	var words []string
	for _, item := range list {
		word, isText := item.(string)
		ok = ok && isText
		words = append(words, word)
	}
	if p.Command != nil && !ok {
		return "", errors.New("its command is not a list of strings")
	}
	if len(words) == 0 || words[0] == "" {
		return "", errors.New("it has no command")
	}
	return commandLine(append(words, p.Args...)), nil
}

// oldLine is the line of a process of API 0.8 and older: a command in one string, which bash runs unless it is direct.
// With arguments, each of its words is what bash makes of it (the lifecycle's bashCommandWithTokens).
func (p launchProcess) oldLine() (string, error) {
	command, ok := p.Command.(string)
	switch {
	case p.Command != nil && !ok:
		return "", errors.New("its command is not a string")
	case strings.TrimSpace(command) == "":
		return "", errors.New("it has no command")
	case p.Direct != nil && *p.Direct:
		return commandLine(append([]string{command}, p.Args...)), nil
	case len(p.Args) == 0:
		return command, nil
	}
	tokens := `"$(eval echo \"$0\")"`
	line := shell.Quote(command)
	for i, arg := range p.Args {
		tokens += fmt.Sprintf(` "$(eval echo \"${%d}\")"`, i+1)
		line += " " + shell.Quote(arg)
	}
	return "exec bash -c " + shell.Quote(tokens) + " " + line, nil
}

// commandLine returns the line that starts a command by `bash -c`. Of a command that itself is `bash -c LINE` or
// `sh -c LINE` it returns LINE.
func commandLine(words []string) string {
	if len(words) == 3 && (words[0] == "bash" || words[0] == "sh") && words[1] == "-c" {
		return words[2]
	}
	for i, word := range words {
		// Unlike shell.Word this leaves "=" unquoted, which only the first word needs.
		if i == 0 || shell.Word(strings.ReplaceAll(word, "=", "_")) != strings.ReplaceAll(word, "=", "_") {
			word = shell.Word(word)
		}
		words[i] = word
	}
	return strings.Join(words, " ")
}
