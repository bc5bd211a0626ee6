package abi

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"slugc/buildpacks/toolchain/libraries"
)

// Host is a machine, or a tree that is one's root directory.
type Host struct {
	Root string   // "/" for this machine
	Arch string   // Go's name of the processor
	Path []string // LD_LIBRARY_PATH of the processes: absolute directories
}

// This returns this machine, for processes that have the variables env, K=V.
func This(env []string) Host {
	h := Host{Root: "/", Arch: runtime.GOARCH}
	for _, entry := range env {
		if dirs, ok := strings.CutPrefix(entry, "LD_LIBRARY_PATH="); ok {
			h.Path = filepath.SplitList(dirs)
		}
	}
	return h
}

// Problem is a need that a machine does not meet.
type Problem struct {
	Need
	Has   string // what it has instead: the number of a version, or a processor; "" for nothing
	Stops bool   // one of the process types cannot start
}

// Check returns what a slug needs and the machine lacks, of the process types or of all of the slug: first what keeps
// one of the types from starting. It reads no file of the slug; of the machine's, the cache of libraries and the
// headers of two libraries. Of a machine of another sort it says only that. r may be nil.
func (h Host) Check(r *Record, types []string) []Problem {
	if r == nil || h.emulates(r.Arch) {
		return nil
	}
	m := machine{Host: h, libc: r.Libc, arch: r.Arch}
	var list []Problem
	for _, need := range r.Needs {
		p, lacks := m.check(need)
		if !lacks {
			continue
		}
		p.Need = need
		p.Stops = slices.ContainsFunc(need.Types, func(typ string) bool { return slices.Contains(types, typ) })
		if p.Stops && (need.Kind == Arch || need.Kind == Interpreter) {
			return []Problem{p} // the others follow from it
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b Problem) int {
		switch {
		case a.Stops == b.Stops:
			return 0
		case a.Stops:
			return -1
		}
		return 1
	})
	return list
}

// runs are other processors whose programs one can run, if it has their libraries.
var runs = map[string]string{"amd64": "386", "arm64": "arm"}

// emulates reports whether the kernel runs programs for another processor with an emulator (binfmt_misc). What they
// need is then the emulator's business.
func (h Host) emulates(arch string) bool {
	if arch == h.Arch || arch == runs[h.Arch] {
		return false
	}
	entries, err := os.ReadDir(h.path("/proc/sys/fs/binfmt_misc"))
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasPrefix(e.Name(), "qemu-") || strings.HasPrefix(e.Name(), "rosetta") ||
			strings.HasPrefix(e.Name(), "FEX")
	})
}

// path returns where a path of the machine is.
func (h Host) path(name string) string { return filepath.Join(h.Root, name) }

// missing reports whether a path is one of nothing at all.
func (h Host) missing(name string) bool {
	_, err := os.Stat(h.path(name))
	return errors.Is(err, fs.ErrNotExist)
}

// machine is a host and what was found out about it.
type machine struct {
	Host
	libc, arch string
	cache      map[string]string // of ld.so, nil until it is read
	strange    *bool             // whether the C library is where nobody knows; nil until it was looked for
	versions   map[string]string // the highest, by family
}

// check looks for one need.
func (m *machine) check(need Need) (p Problem, lacks bool) {
	switch need.Kind {
	case Arch:
		return Problem{Has: m.Arch}, need.Name != m.Arch && need.Name != runs[m.Arch]
	case Interpreter:
		return p, m.missing(need.Name)
	case Library:
		return p, !m.isStrange() && m.find(need.Name, need.Paths) == ""
	case Symbols:
		if m.isStrange() {
			return p, false
		}
		library := "libc.so.6"
		if family(need.Name)+"_" == familyCXX {
			library = "libstdc++.so.6"
		}
		p.Has = m.version(library, family(need.Name)+"_")
		return p, p.Has != "" && less(p.Has, number(need.Name))
	}
	return p, false
}

// isStrange reports whether the machine has its C library at an unusual place, as NixOS, or a stand-in for it: then
// nothing is known of where its libraries are.
func (m *machine) isStrange() bool {
	if m.strange == nil {
		is := m.libc == Glibc && m.find("libc.so.6", nil) == ""
		m.strange = &is
	}
	return *m.strange
}

// find returns the path of a library where the dynamic linker looks for it (ld.so(8)), "" if it is nowhere.
func (m *machine) find(name string, paths []string) string {
	if strings.Contains(name, "/") {
		if m.missing(name) {
			return ""
		}
		return name
	}
	if m.cache == nil {
		m.cache = readCache(m.path("/etc/ld.so.cache"))
	}
	dirs := slices.Concat(m.Path, paths, libraries.Machine(m.arch), []string{"/lib32", "/usr/lib32"})
	if m.libc == Musl {
		dirs = append(dirs, m.muslDirs(m.arch)...)
	} else if at := m.cache[name]; at != "" && !m.missing(at) {
		return at
	}
	for _, dir := range dirs {
		if at := path.Join(dir, name); path.IsAbs(at) && !m.missing(at) {
			return at
		}
	}
	return ""
}

// version returns the highest version of a family that a library of the machine has; "" if that is not known.
func (m *machine) version(library, family string) string {
	if highest, known := m.versions[family]; known {
		return highest
	}
	highest := ""
	if f, err := os.Open(m.path(m.find(library, nil))); err == nil {
		if is, err := openImage(f); err == nil && is.arch() == m.arch {
			is.defined(func(name string) { highest = higher(highest, name, family) })
		}
		_ = f.Close()
	}
	if m.versions == nil {
		m.versions = map[string]string{}
	}
	m.versions[family] = highest
	return highest
}
