package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"slugc/buildpacks/shell"
	"strconv"
	"strings"
)

// What a process finds in its environment before any config var.
const (
	defaultPath = "/usr/local/bin:/usr/bin:/bin"
	defaultLang = "C.UTF-8"
)

// Environment is a process's whole environment, K=V, each name once. What says where and what the
// process is cannot be set by a config var.
func (o RunOptions) Environment() []string {
	own := []string{"HOME=" + o.Dir, "PWD=" + o.Dir, "DYNO=" + o.Dyno, "PS=" + o.Dyno}
	if o.Port > 0 {
		own = append(own, "PORT="+strconv.Itoa(o.Port))
	}
	env := []string{"PATH=" + defaultPath, "LANG=" + defaultLang}
	if o.Terminal != "" {
		env = append(env, "TERM="+o.Terminal)
	}
	for _, entry := range append(slices.Clone(o.Env), own...) {
		name, _, found := strings.Cut(entry, "=")
		if !found || name == "" {
			continue
		}
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		env = append(env, entry)
	}
	if o.Port == 0 {
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, "PORT=") })
	}
	return env
}

// findShell prefers bash, for which Procfiles are written.
func findShell() (string, error) {
	for _, path := range []string{"/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh"} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", errors.New("there is neither bash nor sh")
}

// script sources the app's profiles and becomes the command; the app lies in dir, and the process
// sees it at inside. The files are named here and not by a pattern in the shell, whose order
// depends on the locale; and the script uses no variable that a profile could see or change.
func script(dir, inside, interpreter, command string) (string, error) {
	var b strings.Builder
	names, err := os.ReadDir(filepath.Join(dir, ".profile.d"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the profiles: %w", err)
	}
	for _, name := range names {
		if file := filepath.Join(".profile.d", name.Name()); strings.HasSuffix(file, ".sh") &&
			isFile(filepath.Join(dir, file)) {
			fmt.Fprintf(&b, ". %s\n", shell.Word(filepath.Join(inside, file)))
		}
	}
	if isFile(filepath.Join(dir, ".profile")) {
		fmt.Fprintf(&b, ". %s\n", shell.Word(filepath.Join(inside, ".profile")))
	}
	fmt.Fprintf(&b, "exec %s -c %s\n", shell.Word(interpreter), shell.Word(command))
	if script := b.String(); !strings.ContainsRune(script, 0) {
		return script, nil
	}
	return "", errors.New("the command has a NUL character")
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
