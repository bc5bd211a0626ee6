package toolchain

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// libc matches the libraries that come with the C library itself: whoever runs a program has them,
// and they cannot be mixed.
var libc = lazyregexp.New(
	`^(ld-linux[\w.-]*|ld64|libc|libm|libmvec|libdl|libpthread|librt|libutil|libresolv|libnsl|libanl|libBrokenLocale)\.so(\.\d+)*$`,
)

// BringLibraries makes the programs and libraries below roots self-contained but for the C library:
// every shared library that one of them names (DT_NEEDED) and that lies nowhere below roots or into
// is copied into the directory into, from the first of the directories from that has it for the
// same machine, and so are the libraries that those need. It returns, sorted, what was brought and
// what was found nowhere. Names are enough: the search path of whoever starts the programs has the
// directories of the libraries.
func BringLibraries(into string, roots, from []string) (brought, missing []string, err error) {
	l := libraries{have: map[string]bool{}, need: map[string]elf.Machine{}}
	for _, root := range append(slices.Clone(roots), into) {
		if err := l.scan(root); err != nil {
			return nil, nil, fmt.Errorf("looking for shared libraries: %w", err)
		}
	}
	for {
		name := l.next()
		if name == "" {
			break
		}
		l.have[name] = true
		file := findLibrary(name, l.need[name], from)
		if file == "" {
			missing = append(missing, name)
			continue
		}
		if err := os.MkdirAll(into, 0o755); err != nil {
			return nil, nil, err
		}
		target := filepath.Join(into, name)
		if err := copyLibrary(file, target); err != nil {
			return nil, nil, fmt.Errorf("copying %q: %w", name, err)
		}
		l.read(target)
		brought = append(brought, name)
	}
	slices.Sort(brought)
	slices.Sort(missing)
	return brought, missing, nil
}

type libraries struct {
	have map[string]bool
	need map[string]elf.Machine
}

// next is a library that is needed and not there, "" for none. The order is fixed, so that the
// result is.
func (l *libraries) next() string {
	for _, name := range slices.Sorted(maps.Keys(l.need)) {
		if !l.have[name] {
			return name
		}
	}
	return ""
}

func (l *libraries) scan(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		library := strings.Contains(d.Name(), ".so")
		if library {
			l.have[d.Name()] = true
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil && (library || info.Mode()&0o111 != 0) {
			l.read(path)
		}
		return nil
	})
}

// read adds what a file needs. What is not an ELF file needs nothing.
func (l *libraries) read(path string) {
	f, err := elf.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	names, _ := f.ImportedLibraries() // a static program has none
	for _, name := range names {
		if !libc.MatchString(name) && filepath.Base(name) == name {
			l.need[name] = f.Machine
		}
	}
}

// findLibrary finds a library for a machine in the directories from, or returns "".
func findLibrary(name string, machine elf.Machine, from []string) string {
	for _, dir := range from {
		path, err := filepath.EvalSymlinks(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		fits := f.Machine == machine
		f.Close()
		if fits {
			return path
		}
	}
	return ""
}

func copyLibrary(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
