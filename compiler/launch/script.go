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

// script returns the shell script that sources the app's profiles, files that the process sees below inside, and
// executes the command. The script names the files one by one, because the order of a shell's pattern depends on
// the locale. It uses no variable, because a profile could see or change it.
func script(files []string, inside, interpreter, command string) (string, error) {
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

// profilesIn lists the files of the app in dir that are sourced before a process starts, in that order.
//
// A process of the app may have changed what is in dir: links are followed within the app only, as those of
// a slug are, and nothing is opened that could block.
func profilesIn(dir string) ([]string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return profiles(root)
}

// The names of profiles.
const (
	profileDir  = ".profile.d"
	profileName = ".profile"
)

// sortProfiles puts profiles into the order in which they are sourced.
func sortProfiles(files []string) {
	slices.SortFunc(files, func(a, b string) int {
		if a == profileName || b == profileName {
			return -strings.Compare(a, b) // it is less than the others, and comes last
		}
		return strings.Compare(a, b)
	})
}

// profiles lists the files that are sourced before a process starts, in that order.
func profiles(root *os.Root) (files []string, err error) {
	names, err := readDir(root, profileDir)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".sh") })
	for i, name := range names {
		names[i] = filepath.Join(profileDir, name)
	}
	for _, name := range append(names, profileName) {
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
	var files []string
	if err == nil && o.Layers.inUse() {
		files = o.Layers.profiles
	} else if err == nil {
		if files, err = profilesIn(o.Dir); err != nil {
			err = fmt.Errorf("reading the profiles: %w", err)
		}
	}
	if err == nil {
		text, err = script(files, inside, path, o.Command)
	}
	if err != nil {
		return "", "", fmt.Errorf("running %q: %w", o.Command, err)
	}
	return path, text, nil
}
