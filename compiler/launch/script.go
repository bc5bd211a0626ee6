package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/shell"
)

// findShell returns bash, for which Procfiles are written, or else sh.
func findShell() (string, error) {
	for _, path := range []string{"/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh"} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", errors.New("there is neither bash nor sh")
}

// script returns the shell script that sources the app's profiles and executes the command. The app lies
// in dir, and the process sees it at inside. The script names the files one by one, because the order of a
// shell's pattern depends on the locale. It uses no variable, because a profile could see or change it.
func script(dir, inside, interpreter, command string) (string, error) {
	var b strings.Builder
	names, err := os.ReadDir(filepath.Join(dir, ".profile.d"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the profiles: %w", err)
	}
	for _, name := range names {
		file := filepath.Join(".profile.d", name.Name())
		if strings.HasSuffix(file, ".sh") && isFile(filepath.Join(dir, file)) {
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

// interpreter returns o.Shell or the one of this machine, and the script for it to run; the process sees
// the app at inside.
func (o RunOptions) interpreter(inside string) (path, text string, err error) {
	if path = o.Shell; path == "" {
		path, err = findShell()
	}
	if err == nil {
		text, err = script(o.Dir, inside, path, o.Command)
	}
	if err != nil {
		return "", "", fmt.Errorf("running %q: %w", o.Command, err)
	}
	return path, text, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
