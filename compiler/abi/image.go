package abi

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
)

// The bounds of what is read of one file. The files of real systems are far below.
const (
	maxSegments = 256
	maxDynamic  = 4096 // entries
	maxNames    = 1024 // libraries, and versions
	maxReads    = 8192
)

var errNotELF = errors.New("it is no ELF file that a program can be started with")

// image is an ELF file as the kernel and the dynamic linker see it: by its program headers (elf(5)). Files need not
// have sections, and what a file says of its sections is not read.
type image struct {
	r       io.ReaderAt
	order   binary.ByteOrder
	is64    bool
	kind    elf.Type
	machine elf.Machine
	system  elf.OSABI
	loads   []segment
	interp  string
	dynamic map[elf.DynTag]uint64 // the last value of each tag
	needed  []uint64              // offsets of names
	reads   int
}

// segment is a program header.
type segment struct{ kind, offset, address, size uint64 }

// read returns n bytes.
func (f *image) read(offset uint64, n int) ([]byte, error) {
	b, err := f.some(offset, n)
	if len(b) < n {
		return nil, errors.Join(errNotELF, err)
	}
	return b, nil
}

// some returns at most n bytes.
func (f *image) some(offset uint64, n int) ([]byte, error) {
	if f.reads++; int64(offset) < 0 || f.reads > maxReads {
		return nil, errNotELF
	}
	b := make([]byte, n)
	got, err := f.r.ReadAt(b, int64(offset))
	return b[:got], err
}

// openImage reads the headers.
func openImage(r io.ReaderAt) (*image, error) {
	f := &image{r: r, order: binary.LittleEndian}
	head, err := f.read(0, 52)
	if err != nil || !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		return nil, errors.Join(errNotELF, err)
	}
	class, data := elf.Class(head[elf.EI_CLASS]), elf.Data(head[elf.EI_DATA])
	if f.is64 = class == elf.ELFCLASS64; !f.is64 && class != elf.ELFCLASS32 {
		return nil, errNotELF
	}
	if data == elf.ELFDATA2MSB {
		f.order = binary.BigEndian
	}
	f.system = elf.OSABI(head[elf.EI_OSABI])
	f.kind, f.machine = elf.Type(f.order.Uint16(head[16:])), elf.Machine(f.order.Uint16(head[18:]))
	if f.kind != elf.ET_EXEC && f.kind != elf.ET_DYN {
		return nil, errNotELF
	}
	at, size, count := uint64(f.order.Uint32(head[28:])), f.order.Uint16(head[42:]), f.order.Uint16(head[44:])
	if f.is64 {
		if head, err = f.read(0, 64); err != nil {
			return nil, err
		}
		at, size, count = f.order.Uint64(head[32:]), f.order.Uint16(head[54:]), f.order.Uint16(head[56:])
	}
	if count > maxSegments || size != f.headerSize() {
		return nil, errNotELF
	}
	return f, f.segments(at, int(count))
}

func (f *image) headerSize() uint16 {
	if f.is64 {
		return 56
	}
	return 32
}

// segments reads the program headers, and what two of them lead to.
func (f *image) segments(at uint64, count int) error {
	size := int(f.headerSize())
	table, err := f.read(at, count*size)
	if err != nil {
		return err
	}
	var dynamic *segment
	for ; len(table) > 0; table = table[size:] {
		s := f.segment(table)
		switch elf.ProgType(s.kind) {
		case elf.PT_LOAD:
			f.loads = append(f.loads, s)
		case elf.PT_DYNAMIC:
			dynamic = &s
		case elf.PT_INTERP:
			if s.size > maxName+1 {
				return errNotELF
			}
			name, err := f.read(s.offset, int(s.size))
			if err != nil {
				return err
			}
			name, _, _ = bytes.Cut(name, []byte{0})
			f.interp = string(name)
		}
	}
	if dynamic != nil {
		return f.readDynamic(*dynamic)
	}
	return nil
}

func (f *image) segment(b []byte) segment {
	if f.is64 {
		return segment{
			uint64(f.order.Uint32(b)), f.order.Uint64(b[8:]), f.order.Uint64(b[16:]), f.order.Uint64(b[32:]),
		}
	}
	word := func(i int) uint64 { return uint64(f.order.Uint32(b[4*i:])) }
	return segment{word(0), word(1), word(2), word(4)}
}

// readDynamic reads the dynamic section, to its end or as much of it as is looked at.
func (f *image) readDynamic(s segment) error {
	size := 8
	if f.is64 {
		size = 16
	}
	table, err := f.read(s.offset, int(min(s.size/uint64(size), maxDynamic))*size)
	if err != nil {
		return err
	}
	f.dynamic = map[elf.DynTag]uint64{}
	for ; len(table) > 0; table = table[size:] {
		tag, value := elf.DynTag(int32(f.order.Uint32(table))), uint64(f.order.Uint32(table[4:]))
		if f.is64 {
			tag, value = elf.DynTag(f.order.Uint64(table)), f.order.Uint64(table[8:])
		}
		if tag == elf.DT_NULL {
			break
		}
		if tag == elf.DT_NEEDED && len(f.needed) < maxNames {
			f.needed = append(f.needed, value)
		}
		f.dynamic[tag] = value
	}
	return nil
}

// at returns where in the file an address of memory lies.
func (f *image) at(address uint64) (offset uint64, ok bool) {
	for _, s := range f.loads {
		if address >= s.address && address-s.address < s.size {
			return s.offset + (address - s.address), true
		}
	}
	return 0, false
}

// text returns a string of the string table; "" if there is none there, or none that is plain.
func (f *image) text(index uint64, limit int) string {
	table, ok := f.at(f.dynamic[elf.DT_STRTAB])
	if !ok || index >= f.dynamic[elf.DT_STRSZ] {
		return ""
	}
	b, _ := f.some(table+index, limit+1)
	text, _, found := bytes.Cut(b, []byte{0})
	if !found {
		return ""
	}
	return string(text)
}
