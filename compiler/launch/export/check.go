package export

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"slugc/compiler/fault"
	"slugc/compiler/release"
	"slugc/detect/lazyregexp"
)

// The most that Linux hands to a new process: one argument or variable (MAX_ARG_STRLEN), and a part
// of all (ARG_MAX) that leaves room for the command.
const (
	maxString = 128<<10 - 1
	maxEnv    = 1 << 20
)

var (
	variableName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)
	userName     = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_.-]{0,31}$`)
)

// check refuses what no unit of the format could hold.
func (e *export) check(f format) error {
	if err := release.CheckApp(e.App); err != nil {
		return err
	}
	if e.User != "" && !userName.MatchString(e.User) {
		return fault.UsageError("export/user", fmt.Errorf("exporting %q: %.80q is not a user's name", e.App, e.User),
			"name the user with -u: 1 to 32 letters, digits, `.`, `_` and `-`, beginning with a letter or `_`")
	}
	if e.Timeout < 0 {
		return fault.UsageError(
			"export/timeout",
			fmt.Errorf("exporting %q: the timeout is negative: %s", e.App, e.Timeout),
			"write how long processes may take to end, such as -t 30s",
		)
	}
	for _, entry := range e.Env {
		name, _, ok := strings.Cut(entry, "=")
		if !ok || !variableName.MatchString(name) || name == "SLUGC_PROFILE" {
			return fault.UsageError(
				"export/variable-name",
				fmt.Errorf("exporting %q: a variable can't be called %.80q", e.App, name),
				"name config vars with letters, digits and `_`, not beginning with a digit, and none SLUGC_PROFILE",
			)
		}
		if strings.ContainsRune(entry, 0) {
			return e.hasNUL("the variable " + name)
		}
	}
	for _, p := range e.Processes {
		if strings.ContainsRune(p.Command, 0) {
			return e.hasNUL("the command of " + p.Type)
		}
	}
	for _, d := range e.directories() {
		if !filepath.IsAbs(d.path) || filepath.Clean(d.path) != d.path {
			return e.badDirectory(d, "it is not an absolute path without detours")
		}
		if !isLine(d.path) || strings.Contains(d.path, "\t") ||
			strings.TrimRightFunc(d.path, unicode.IsSpace) != d.path ||
			strings.HasSuffix(d.path, `\`) {
			return e.badDirectory(d, `it has control characters, is not UTF-8, or ends in a blank or "\"`)
		}
	}
	if f.check != nil {
		return f.check(e)
	}
	return nil
}

func (e *export) hasNUL(what string) error {
	return fault.AppError(
		"export/nul",
		fmt.Errorf("exporting %q: %s has a NUL character, which no process can be given", e.App, what),
		"remove it",
	)
}

// directory is a path, and what it is for.
type directory struct{ what, path string }

func (e *export) directories() []directory {
	return []directory{{"slug's directory", e.Root}, {"directory of the files", e.Dir}, {"log directory", e.Log}}
}

func (e *export) badDirectory(d directory, why string) error {
	return fault.UsageError(
		"export/directory",
		fmt.Errorf("exporting %q for %s: the %s can't be %.200q: %s", e.App, e.format, d.what, d.path, why),
		"choose a plain path: --root for the slug, -l for the logs, DIR or --at for the files",
	)
}

// check refuses what Linux would.
func (u unit) check() error {
	all := 0
	for _, v := range append(slices.Clone(u.own), u.vars...) {
		all += len(v.name) + len(v.value) + 2
		if err := u.checkString("the variable "+v.name, v.name+"="+v.value); err != nil {
			return err
		}
	}
	if all > maxEnv {
		return tooLong(fmt.Errorf("exporting %q: the environment has %d bytes, more than %d", u.dotted(), all, maxEnv))
	}
	return u.checkString("the command", u.command)
}

func (u unit) checkString(what, text string) error {
	if len(text) > maxString {
		return tooLong(
			fmt.Errorf("exporting %q: %s takes %d bytes, more than %d", u.dotted(), what, len(text), maxString),
		)
	}
	return nil
}

func tooLong(err error) error {
	return fault.UsageError("export/too-long", err, "move long commands into scripts, and long values into files")
}

// checkClash refuses two files of one name, as of the second process of "web" and of the type
// "web-2" where the format writes both APP-web-2.
func checkClash(files []File, folds bool) error {
	seen := map[string]bool{}
	for _, f := range files {
		name := f.Path
		if folds {
			name = strings.ToLower(name)
		}
		if seen[name] {
			return fault.AppError(
				"export/name-clash",
				fmt.Errorf("exporting: two processes would both be written as %q", f.Path),
				"rename one of the process types in the Procfile",
			)
		}
		seen[name] = true
	}
	return nil
}
