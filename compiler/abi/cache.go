package abi

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"

	"slugc/cache/disk"
)

// The form of ld.so.cache since glibc 2.2 (sysdeps/generic/dl-cache.h): a header with the number of entries, and
// entries with the offsets of two strings each, from the start of the header. It may follow one of the older form.
const (
	cacheMagic  = "glibc-ld.so.cache1.1"
	cacheHeader = 48
	cacheEntry  = 24
	maxCache    = 64 << 20
)

// readCache returns the paths of the libraries that ldconfig has found, by name. A cache that is missing or of another
// form has none.
func readCache(name string) map[string]string {
	found := map[string]string{}
	b, err := disk.ReadRegular(name, maxCache)
	if err != nil {
		return found
	}
	start := bytes.Index(b, []byte(cacheMagic))
	if start < 0 || len(b) < start+cacheHeader {
		return found
	}
	b = b[start:]
	order := binary.ByteOrder(binary.NativeEndian)
	switch b[28] & 3 { // the header says so since glibc 2.33
	case 2:
		order = binary.LittleEndian
	case 3:
		order = binary.BigEndian
	}
	text := func(offset uint32) string {
		if int(offset) >= len(b) {
			return ""
		}
		text, _, _ := bytes.Cut(b[offset:], []byte{0})
		return string(text)
	}
	count := min(int(order.Uint32(b[20:])), (len(b)-cacheHeader)/cacheEntry)
	for i := range count {
		entry := b[cacheHeader+i*cacheEntry:]
		if key := text(order.Uint32(entry[4:])); found[key] == "" {
			found[key] = text(order.Uint32(entry[8:]))
		}
	}
	return found
}

// muslNames are musl's names of processors.
var muslNames = map[string]string{
	"amd64": "x86_64", "386": "i386", "arm64": "aarch64", "arm": "armhf", "riscv64": "riscv64",
	"ppc64le": "powerpc64le", "s390x": "s390x", "loong64": "loongarch64",
}

// muslDirs returns where musl's dynamic linker looks for libraries (musl, "ldso/dynlink.c").
func (h Host) muslDirs(arch string) []string {
	text, err := os.ReadFile(h.path("/etc/ld-musl-" + muslNames[arch] + ".path"))
	if err != nil {
		return []string{"/lib", "/usr/local/lib", "/usr/lib"}
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == ':' || r == '\n' })
}
