package abi

import (
	"debug/elf"
	"strconv"
	"strings"
)

// The families of versions that count. In each, a library that has one has all lower ones.
const (
	familyC   = "GLIBC_"
	familyCXX = "GLIBCXX_"
)

// relativeRelocs is a version without a number that programs with packed relocations need: glibc has it from 2.36 on.
const relativeRelocs = "GLIBC_ABI_DT_RELR"

// weak is the flag of a version that may be missing (VER_FLG_WEAK).
const weak = 2

// required calls add for each version of symbols that the file needs.
func (f *image) required(add func(name string)) {
	f.chain(elf.DT_VERNEED, 16, func(entry []byte, at uint64) uint32 {
		count, aux := int(f.order.Uint16(entry[2:])), uint64(f.order.Uint32(entry[8:]))
		for at += aux; count > 0 && count < maxNames; count-- {
			b, err := f.read(at, 16)
			if err != nil {
				break
			}
			if f.order.Uint16(b[4:])&weak == 0 {
				add(f.text(uint64(f.order.Uint32(b[8:])), maxName))
			}
			next := f.order.Uint32(b[12:])
			if next == 0 {
				break
			}
			at += uint64(next)
		}
		return f.order.Uint32(entry[12:])
	})
}

// defined calls add for each version of symbols that the file has.
func (f *image) defined(add func(name string)) {
	f.chain(elf.DT_VERDEF, 20, func(entry []byte, at uint64) uint32 {
		if b, err := f.read(at+uint64(f.order.Uint32(entry[12:])), 8); err == nil {
			add(f.text(uint64(f.order.Uint32(b)), maxName))
		}
		return f.order.Uint32(entry[16:])
	})
}

// chain calls do for the entries of a list whose start a tag says; do returns the distance to the next, 0 for none.
func (f *image) chain(tag elf.DynTag, size int, do func(entry []byte, at uint64) (next uint32)) {
	at, ok := f.at(f.dynamic[tag])
	for n := 0; ok && n < maxNames; n++ {
		entry, err := f.read(at, size)
		if err != nil {
			return
		}
		next := do(entry, at)
		if next == 0 {
			return
		}
		at += uint64(next)
	}
}

// higher returns the higher one of a version and a name of symbols, if the name is of the family: "2.34" of
// "GLIBC_2.34". "" is no version.
func higher(version, name, family string) string {
	if name == relativeRelocs {
		name = familyC + "2.36"
	}
	other, ok := strings.CutPrefix(name, family)
	if !ok || numbers(other) == nil || version != "" && !less(version, other) {
		return version
	}
	return other
}

// numbers returns the numbers of "2.34"; nil if it is something else.
func numbers(version string) (list []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return nil
		}
		list = append(list, int(n))
	}
	return list
}

// less compares versions: 2.9 is less than 2.34.
func less(a, b string) bool {
	x, y := numbers(a), numbers(b)
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return len(x) < len(y)
}
