package ruby

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"slugc/detect/lazyregexp"
)

// scriptDirs hold the scripts that people and Procfiles call by path.
var scriptDirs = []string{"bin", "script", "exe"}

const (
	maxScripts = 1000    // of one directory
	maxScript  = 1 << 20 // bytes of one that is repaired
)

// oddShebang matches a first line that names a Ruby of another machine, or of a version that may not be
// installed. Its submatch is the arguments.
var oddShebang = lazyregexp.New(`^#!\s*(?:/usr/bin/env(?:\s+-S)?\s+)?` +
	`(?:\S*[/\\])?(?:ruby(?:[0-9][0-9.]*)?(?:\.exe)?|jruby\.exe)((?:\s.*)?)$`)

// plainShebang matches the first lines that need no repair.
var plainShebang = lazyregexp.New(`^#!\s*/usr/bin/env(?:\s+-S)?\s+ruby(?:\s.*)?$`)

// repairScripts makes the app's scripts run here, in the app's copy: `rails new` on Windows makes them without
// the mode of a program, with line ends of Windows and for ruby.exe. It says what it has changed.
func (b *work) repairScripts() error {
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return fmt.Errorf("opening the app: %w", err)
	}
	defer root.Close()
	var repaired []string
	for _, dir := range scriptDirs {
		entries, err := readDir(root, dir)
		if err != nil {
			continue // there is none
		}
		for _, entry := range entries {
			if !entry.Type().IsRegular() {
				continue
			}
			name := path.Join(dir, entry.Name())
			what, err := repairScript(root, name)
			if err != nil {
				return fmt.Errorf("repairing %q: %w", name, err)
			}
			if len(what) > 0 {
				repaired = append(repaired, name+" ("+strings.Join(what, ", ")+")")
			}
		}
	}
	if len(repaired) > 0 {
		b.Log.Warn("Repaired in the slug, so that they run on Linux: %s. Commit them with `#!/usr/bin/env ruby`, "+
			"LF line ends and `git update-index --chmod=+x`.", strings.Join(repaired, "; "))
	}
	return nil
}

func readDir(root *os.Root, name string) ([]fs.DirEntry, error) {
	dir, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.ReadDir(maxScripts)
}

// repairScript repairs one script and returns what was wrong with it.
func repairScript(root *os.Root, name string) (what []string, err error) {
	info, err := root.Lstat(name)
	if err != nil || info.Size() > maxScript {
		return nil, err
	}
	text, err := root.ReadFile(name)
	if err != nil || !bytes.HasPrefix(text, []byte("#!")) {
		return nil, err
	}
	fixed := text
	if first, _, _ := bytes.Cut(text, []byte("\n")); bytes.HasSuffix(first, []byte("\r")) {
		fixed = bytes.ReplaceAll(fixed, []byte("\r\n"), []byte("\n"))
		what = append(what, "line ends of Windows")
	}
	first, rest, _ := bytes.Cut(fixed, []byte("\n"))
	if m := oddShebang.FindSubmatch(first); m != nil && !plainShebang.Match(first) {
		shebang := "#!/usr/bin/env ruby"
		if arguments := strings.TrimSpace(string(m[1])); arguments != "" {
			shebang = "#!/usr/bin/env -S ruby " + arguments
		}
		fixed = append([]byte(shebang+"\n"), rest...)
		what = append(what, "first line "+string(bytes.TrimSpace(first)))
	}
	if !bytes.Equal(fixed, text) {
		if err := root.WriteFile(name, fixed, info.Mode().Perm()); err != nil {
			return nil, err
		}
	}
	const program = 0o111
	if info.Mode()&program == 0 {
		what = append(what, "not executable")
		return what, errors.Join(root.Chmod(name, info.Mode().Perm()|0o755))
	}
	return what, nil
}
