package abi

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"path"
	"slices"
	"strings"
)

// Object is what an ELF file says of itself: a program or a shared library of Linux. A file that is damaged makes
// none, or one that lacks what is damaged: nobody can load it anyway.
type Object struct {
	Arch   string   `json:"arch"`             // Go's name of the processor; for one without, ELF's
	Libc   string   `json:"libc,omitempty"`   // as in [Record]
	Interp string   `json:"interp,omitempty"` // of a program that is not static
	Soname string   `json:"soname,omitempty"`
	Needed []string `json:"needed,omitempty"` // names of libraries
	Paths  []string `json:"paths,omitempty"`  // DT_RUNPATH, or else DT_RPATH
	C      string   `json:"c,omitempty"`      // the highest version of the C library's symbols: "2.34"
	CXX    string   `json:"cxx,omitempty"`    // the same of the C++ library: "3.4.30"
}

// maxPath is the longest search path that counts.
const maxPath = 4096

// Read reads the headers of an ELF file, a few pages of it, and at most some hundred kilobytes of a hostile one. ok
// is false for everything that is no program and no shared library of Linux.
func Read(r io.ReaderAt) (o *Object, ok bool) {
	f, err := openImage(r)
	if err != nil || f.system != elf.ELFOSABI_NONE && f.system != elf.ELFOSABI_LINUX ||
		f.interp != "" && !plain(f.interp) {
		return nil, false
	}
	o = &Object{Arch: f.arch(), Interp: f.interp}
	if f.dynamic != nil {
		for _, at := range f.needed {
			if name := f.text(at, maxName); plain(name) && !slices.Contains(o.Needed, name) {
				o.Needed = append(o.Needed, name)
			}
		}
		o.Soname, o.Paths = f.soname(), f.paths()
		f.required(func(name string) {
			o.C, o.CXX = higher(o.C, name, familyC), higher(o.CXX, name, familyCXX)
		})
	}
	o.Libc = o.libc()
	return o, true
}

func (f *image) soname() string {
	at, found := f.dynamic[elf.DT_SONAME]
	name := f.text(at, maxName)
	if !found || !plain(name) {
		return ""
	}
	return name
}

func (f *image) paths() (list []string) {
	at, found := f.dynamic[elf.DT_RUNPATH]
	if !found {
		if at, found = f.dynamic[elf.DT_RPATH]; !found {
			return nil
		}
	}
	for dir := range strings.SplitSeq(f.text(at, maxPath), ":") {
		if plain(dir) && !slices.Contains(list, dir) {
			list = append(list, dir)
		}
	}
	return list
}

// libc tells the C library by the interpreter, the libraries and the versions.
func (o *Object) libc() string {
	interp := path.Base(o.Interp)
	switch {
	case o.C != "" || strings.HasPrefix(interp, "ld-linux") || strings.HasPrefix(interp, "ld64.so") ||
		slices.ContainsFunc(o.Needed, func(name string) bool { return strings.HasPrefix(name, "libc.so.6") }):
		return Glibc
	case strings.HasPrefix(interp, "ld-musl-") || slices.ContainsFunc(o.Needed, ofMusl):
		return Musl
	}
	return ""
}

// ofMusl reports whether a library is musl itself.
func ofMusl(name string) bool { return name == "libc.so" || strings.HasPrefix(name, "libc.musl-") }

// arch is Go's name of the processor.
func (f *image) arch() string {
	little := f.order == binary.LittleEndian
	switch {
	case f.machine == elf.EM_X86_64:
		return "amd64"
	case f.machine == elf.EM_386:
		return "386"
	case f.machine == elf.EM_AARCH64 && little:
		return "arm64"
	case f.machine == elf.EM_ARM && little:
		return "arm"
	case f.machine == elf.EM_RISCV && f.is64:
		return "riscv64"
	case f.machine == elf.EM_PPC64 && little:
		return "ppc64le"
	case f.machine == elf.EM_S390 && f.is64:
		return "s390x"
	case f.machine == elf.EM_LOONGARCH && f.is64:
		return "loong64"
	}
	return f.machine.String()
}
