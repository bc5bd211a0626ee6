// Package abitest makes small ELF files for tests.
package abitest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"

	"slugc/compiler/abi"
)

// Machine are the ELF numbers of processors that [File] knows, by Go's names.
var Machine = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// The sizes of what a file consists of.
const (
	headerSize  = 64
	segmentSize = 56
	address     = 0x1000 // where the file is in memory
)

// File returns the headers of an ELF file of 64 bits of which [abi.Read] returns o, and which defines the versions of
// symbols defined. It holds no code: to start it ends with an error.
func File(o abi.Object, defined ...string) []byte {
	f := &file{strings: []byte{0}}
	var dynamic []elf.Dyn64
	tag := func(t elf.DynTag, value uint64) { dynamic = append(dynamic, elf.Dyn64{Tag: int64(t), Val: value}) }
	for _, name := range o.Needed {
		tag(elf.DT_NEEDED, f.text(name))
	}
	if o.Soname != "" {
		tag(elf.DT_SONAME, f.text(o.Soname))
	}
	if len(o.Paths) > 0 {
		tag(elf.DT_RUNPATH, f.text(strings.Join(o.Paths, ":")))
	}
	interp := append([]byte(o.Interp), 0)
	at := uint64(headerSize + 3*segmentSize)
	needs, defs := f.versionNeeds(o), f.versionDefs(defined)
	for i, part := range [][]byte{interp, needs, defs} {
		if i > 0 && len(part) > 0 {
			tag([]elf.DynTag{0, elf.DT_VERNEED, elf.DT_VERDEF}[i], address+at)
		}
		at += uint64(len(part))
	}
	tag(elf.DT_STRTAB, address+at)
	tag(elf.DT_STRSZ, uint64(len(f.strings)))
	tag(elf.DT_NULL, 0)
	dynamicAt, dynamicSize := at+uint64(len(f.strings)), uint64(16*len(dynamic))
	all := elf.Prog64{
		Type: uint32(elf.PT_LOAD), Vaddr: address, Filesz: dynamicAt + dynamicSize, Memsz: dynamicAt + dynamicSize,
	}
	segments := []elf.Prog64{all, {
		Type: uint32(
			elf.PT_DYNAMIC,
		), Off: dynamicAt, Vaddr: address + dynamicAt, Filesz: dynamicSize, Memsz: dynamicSize,
	}, {Type: uint32(elf.PT_NULL)}}
	if o.Interp != "" {
		segments[2] = elf.Prog64{
			Type: uint32(elf.PT_INTERP), Off: headerSize + 3*segmentSize, Filesz: uint64(len(interp)),
		}
	}
	var b bytes.Buffer
	for _, part := range []any{header(o.Arch), segments, interp, needs, defs, f.strings, dynamic} {
		_ = binary.Write(&b, binary.LittleEndian, part) // to a buffer, and of fixed size
	}
	return b.Bytes()
}

func header(arch string) elf.Header64 {
	h := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(Machine[arch]), Version: 1, Phoff: headerSize, Ehsize: headerSize,
		Phentsize: segmentSize, Phnum: 3,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(
		elf.ELFCLASS64,
	), byte(
		elf.ELFDATA2LSB,
	), 1
	return h
}

// file is the string table of a file.
type file struct{ strings []byte }

func (f *file) text(s string) uint64 {
	at := len(f.strings)
	f.strings = append(append(f.strings, s...), 0)
	return uint64(at)
}

// versionNeeds returns a list of one entry with the versions that o needs.
func (f *file) versionNeeds(o abi.Object) []byte {
	var names []string
	for prefix, version := range map[string]string{"GLIBC_": o.C, "GLIBCXX_": o.CXX} {
		if version != "" {
			names = append(names, prefix+version)
		}
	}
	if len(names) == 0 {
		return nil
	}
	order := binary.LittleEndian
	b := order.AppendUint16(order.AppendUint16(nil, 1), uint16(len(names)))
	b = order.AppendUint32(order.AppendUint32(order.AppendUint32(b, uint32(f.text("libc.so.6"))), 16), 0)
	for i, name := range names {
		next := uint32(16)
		if i == len(names)-1 {
			next = 0
		}
		b = order.AppendUint32(append(b, 0, 0, 0, 0, 0, 0, 2, 0), uint32(f.text(name)))
		b = order.AppendUint32(b, next)
	}
	return b
}

// versionDefs returns a list of the versions that the file defines.
func (f *file) versionDefs(names []string) (b []byte) {
	order := binary.LittleEndian
	for i, name := range names {
		next := uint32(28)
		if i == len(names)-1 {
			next = 0
		}
		b = append(b, 1, 0, 0, 0, byte(i+1), 0, 1, 0, 0, 0, 0, 0)
		b = order.AppendUint32(order.AppendUint32(b, 20), next)
		b = order.AppendUint32(order.AppendUint32(b, uint32(f.text(name))), 0)
	}
	return b
}
