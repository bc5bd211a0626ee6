package export

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/release"
	"slugc/detect/lazyregexp"
)

// Limits of Linux for a new process, execve(2), in bytes.
const (
	maxString = 128<<10 - 1 // one argument or variable: MAX_ARG_STRLEN
	maxEnv    = 1 << 20     // all variables: half of ARG_MAX
)

var (
	variableName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)
	userName     = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_.-]{0,31}$`)
)

// check returns an error for options that no unit of the format can hold.
func (e *export) check(f format) error {
	if err := release.CheckApp(e.App); err != nil {
		return err
	}
	if e.User != "" && !userName.MatchString(e.User) {
		return fault.UsageError("export/user", fmt.Errorf("exporting %q: %.80q is not a user's name", e.App, e.User),
			"name the user with -u: 1 to 32 letters, digits, `.`, `_` and `-`, starting with a letter or `_`")
	}
	if e.Timeout < 0 {
		return fault.UsageError("export/timeout",
			fmt.Errorf("exporting %q: the timeout is negative: %s", e.App, e.Timeout),
			"write how long processes may take to end, such as -t 30s")
	}
	for _, err := range []error{e.checkEnv(), e.checkCommands(), e.checkDirectories(), e.checkMounts(f)} {
		if err != nil {
			return err
		}
	}
	if f.check != nil {
		return f.check(e)
	}
	return nil
}

func (e *export) checkEnv() error {
	for _, entry := range e.Env {
		name, _, ok := strings.Cut(entry, "=")
		if !ok || !variableName.MatchString(name) || name == "SLUGC_PROFILE" {
			return fault.UsageError("export/variable-name",
				fmt.Errorf("exporting %q: a variable can't be called %.80q", e.App, name),
				"name config vars with letters, digits and `_`, not starting with a digit, and none SLUGC_PROFILE")
		}
		if strings.ContainsRune(entry, 0) {
			return e.hasNUL("the variable " + name)
		}
	}
	return nil
}

func (e *export) checkCommands() error {
	for _, p := range e.Processes {
		if strings.ContainsRune(p.Command, 0) {
			return e.hasNUL("the command of " + p.Type)
		}
	}
	return nil
}

func (e *export) checkDirectories() error {
	for _, d := range e.directories() {
		switch {
		case !filepath.IsAbs(d.path) || filepath.Clean(d.path) != d.path:
			return e.badDirectory(d, "it is not an absolute path without detours")
		case !isLine(d.path), strings.Contains(d.path, "\t"), strings.HasSuffix(d.path, `\`),
			strings.TrimRightFunc(d.path, unicode.IsSpace) != d.path:
			return e.badDirectory(d, `it has control characters, is not UTF-8, or ends in a blank or "\"`)
		}
	}
	return nil
}

// checkMounts returns an error for a format that cannot show a process the slug where it must be.
func (e *export) checkMounts(f format) error {
	if err := launch.CheckMounts(e.Mounts); err != nil || len(e.Mounts) == 0 {
		return err
	}
	at := e.Mounts[0]
	if f.mounts || e.Root == at {
		return nil
	}
	return fault.UsageError("export/mounts",
		fmt.Errorf("exporting %q for %s: the slug must be at %s, because a buildpack has made it for these paths, "+
			"and %[2]s can't show it there", e.App, e.format, strings.Join(e.Mounts, ", ")),
		fmt.Sprintf("unpack it there: --root %s", at), "or export it for systemd",
		"or let the init system run `slugc start`, which shows it there")
}

func (e *export) hasNUL(what string) error {
	err := fmt.Errorf("exporting %q: %s has a NUL character, which no process can be given", e.App, what)
	return fault.AppError("export/nul", err, "remove it")
}

// directory is a path and its purpose.
type directory struct{ what, path string }

func (e *export) directories() []directory {
	return []directory{{"slug's directory", e.Root}, {"directory of the files", e.Dir}, {"log directory", e.Log}}
}

func (e *export) badDirectory(d directory, why string) error {
	err := fmt.Errorf("exporting %q for %s: the %s can't be %.200q: %s", e.App, e.format, d.what, d.path, why)
	return fault.UsageError("export/directory", err,
		"choose a plain path: --root for the slug, -l for the logs, DIR or --at for the files")
}

// check returns an error for a unit that Linux could not start.
func (u unit) check() error {
	all := 0
	for _, v := range append(slices.Clone(u.own), u.vars...) {
		all += len(v.name) + len(v.value) + 2
		if err := u.checkString("the variable "+v.name, v.name+"="+v.value); err != nil {
			return err
		}
	}
	if all > maxEnv {
		return tooLong("exporting %q: the environment has %d bytes, more than %d", u.dotted(), all, maxEnv)
	}
	return u.checkString("the command", u.command)
}

func (u unit) checkString(what, text string) error {
	if len(text) > maxString {
		return tooLong("exporting %q: %s takes %d bytes, more than %d", u.dotted(), what, len(text), maxString)
	}
	return nil
}

func tooLong(format string, args ...any) error {
	return fault.UsageError("export/too-long", fmt.Errorf(format, args...),
		"move long commands into scripts, and long values into files")
}

// checkClash returns an error for two files of one name. The second process of "web" and the type "web-2"
// may both be APP-web-2.
func checkClash(files []File, ignoreCase bool) error {
	names := map[string]bool{}
	for _, f := range files {
		name := f.Path
		if ignoreCase {
			name = strings.ToLower(name)
		}
		if names[name] {
			return fault.AppError("export/name-clash",
				fmt.Errorf("exporting: two processes would both be written as %q", f.Path),
				"rename one of the process types in the Procfile")
		}
		names[name] = true
	}
	return nil
}
