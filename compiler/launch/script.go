package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"slugc/buildpacks/shell"
	"slugc/cache/disk"
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
//
// A process of the app may have changed what is in dir: links are followed within the app only, as those of
// a slug are, and nothing is opened that could block.
func script(dir, inside, interpreter, command string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("reading the profiles: %w", err)
	}
	defer root.Close()
	files, err := profiles(root)
	if err != nil {
		return "", fmt.Errorf("reading the profiles: %w", err)
	}
	var b strings.Builder
	for _, file := range files {
		fmt.Fprintf(&b, ". %s\n", shell.Word(filepath.Join(inside, file)))
	}
	fmt.Fprintf(&b, "exec %s -c %s\n", shell.Word(interpreter), shell.Word(command))
	if script := b.String(); !strings.ContainsRune(script, 0) {
		return script, nil
	}
	return "", errors.New("the command has a NUL character")
}

// profiles lists the files that are sourced before a process starts, in that order.
func profiles(root *os.Root) (files []string, err error) {
	names, err := readDir(root, ".profile.d")
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".sh") })
	for i, name := range names {
		names[i] = filepath.Join(".profile.d", name)
	}
	for _, name := range append(names, ".profile") {
		info, err := root.Stat(name)
		if err != nil && !disk.Damaged(err) {
			return nil, err
		}
		if err == nil && info.Mode().IsRegular() {
			files = append(files, name)
		}
	}
	return files, nil
}

// readDir returns the sorted names in a directory, none if it is missing.
func readDir(root *os.Root, name string) ([]string, error) {
	dir, err := root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	return names, err
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
