// Package libraries makes programs independent of the shared libraries of the machine they were
// built on: [Bring] copies what they need next to them.
//
//	brought, missing, err := libraries.Bring(into, []string{tree}, libraries.Machine("amd64"))
//
// The C library itself is never brought: whoever runs a program has it, and two of them cannot be
// mixed. No file is changed: the search path of whoever starts the programs must have the
// directory.
package libraries

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

// libc matches the libraries that come with the C library itself.
var libc = lazyregexp.New(
	`^(ld-linux[\w.-]*|ld64|libc|libm|libmvec|libdl|libpthread|librt|libutil|libresolv|libnsl|libanl|` +
		`libBrokenLocale)\.so(\.\d+)*$`,
)

// Library is a shared library that was copied.
type Library struct {
	Name string // "libyaml-0.so.2"
	From string // the file that was copied
}

// Bring makes the programs and libraries below roots self-contained, except for the C library.
// Every shared library that one of them names (DT_NEEDED), and that lies nowhere below roots or
// into, is copied into the directory into, from the first of the directories from that has it for
// the same processor; so are the libraries that those need. It returns, sorted, what was
// brought, and the names of what was found nowhere.
func Bring(into string, roots, from []string) (brought []Library, missing []string, err error) {
	s := search{have: map[string]bool{}, need: map[string]elf.Machine{}}
	for _, root := range append(slices.Clone(roots), into) {
		if err := s.scan(root); err != nil {
			return nil, nil, fmt.Errorf("looking for shared libraries: %w", err)
		}
	}
	for name := s.next(); name != ""; name = s.next() {
		s.have[name] = true
		file, err := find(name, s.need[name], from)
		if err != nil {
			return nil, nil, fmt.Errorf("looking for shared libraries: %w", err)
		}
		if file == "" {
			missing = append(missing, name)
			continue
		}
		if err := os.MkdirAll(into, 0o755); err != nil {
			return nil, nil, err
		}
		target := filepath.Join(into, name)
		if err := disk.CopyFile(file, target, 0o644); err != nil {
			return nil, nil, err
		}
		if err := s.read(target); err != nil {
			return nil, nil, err
		}
		brought = append(brought, Library{name, file})
	}
	slices.SortFunc(brought, func(a, b Library) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(missing)
	return brought, missing, nil
}

// IsLibC reports whether a library comes with the C library itself, glibc's: "libm.so.6".
func IsLibC(name string) bool { return libc.MatchString(name) }

// Triple is the name that Debian's directories have for a processor of Linux, Go's name of it, ""
// for others than amd64 and arm64.
func Triple(arch string) string {
	return map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[arch]
}

// Machine lists the directories in which the dynamic linker of this machine finds libraries for a
// processor, Go's name of it.
func Machine(arch string) []string {
	dirs := []string{"/usr/local/lib", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}
	if triple := Triple(arch); triple != "" {
		dirs = slices.Concat([]string{"/usr/local/lib/" + triple, "/lib/" + triple, "/usr/lib/" + triple}, dirs)
	}
	return dirs
}

// search is what is known of a set of programs and libraries, by names of libraries.
type search struct {
	have map[string]bool
	need map[string]elf.Machine
}

// next is a library that is needed and not there, "" for none. Its order is fixed.
func (s *search) next() string {
	for _, name := range slices.Sorted(maps.Keys(s.need)) {
		if !s.have[name] {
			return name
		}
	}
	return ""
}

func (s *search) scan(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		library := strings.Contains(d.Name(), ".so")
		if library {
			s.have[d.Name()] = true
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return unlessDamaged(err)
		}
		if library || info.Mode()&0o111 != 0 {
			return s.read(path)
		}
		return nil
	})
}

// unlessDamaged returns err if it is the machine's: what it kept from being read may be as it should be.
func unlessDamaged(err error) error {
	if disk.Damaged(err) {
		return nil
	}
	return err
}

// read adds what a file needs. What is not an ELF file needs nothing.
func (s *search) read(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return unlessDamaged(err)
	}
	defer f.Close()
	names, _ := f.ImportedLibraries() // a static program has none
	for _, name := range names {
		if !IsLibC(name) && filepath.Base(name) == name {
			s.need[name] = f.Machine
		}
	}
	return nil
}

// find finds a library for a machine in the directories from, or returns "".
func find(name string, machine elf.Machine, from []string) (string, error) {
	for _, dir := range from {
		path, err := filepath.EvalSymlinks(filepath.Join(dir, name))
		var f *elf.File
		if err == nil {
			f, err = elf.Open(path)
		}
		if unlessDamaged(err) != nil {
			return "", err
		}
		if err != nil {
			continue
		}
		fits := f.Machine == machine
		f.Close()
		if fits {
			return path, nil
		}
	}
	return "", nil
}
