package clojure

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// A JDK's lib/modules is a jimage file: a header, a hash table, and for each resource a list of
// attributes that point into a table of strings.
const (
	jimageMagic  = 0xcafedada
	jimageHeader = 28
	maxIndex     = 64 << 20 // bytes of the tables; a whole JDK has about 4 MB
)

// Attributes of a resource that say where it belongs.
const (
	attributeModule = 1
	attributeParent = 2
)

// packages returns the modules of a JDK by package, "java.desktop" for "java.awt".
func packages(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, jimageHeader)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if order.Uint32(head) != jimageMagic {
		order = binary.BigEndian
	}
	if order.Uint32(head) != jimageMagic {
		return nil, fmt.Errorf("reading %q: it is not an image of modules", file)
	}
	size := func(at int) int64 { return int64(order.Uint32(head[at:])) }
	slots, locations, texts := size(16), size(20), size(24)
	if slots*8+locations+texts > maxIndex {
		return nil, fmt.Errorf("reading %q: its index is too large", file)
	}
	index := make([]byte, slots*8+locations+texts)
	if _, err := io.ReadFull(f, index); err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	found := map[string]string{}
	offsets, attributes, strs := index[slots*4:slots*8], index[slots*8:slots*8+locations], index[slots*8+locations:]
	for ; len(offsets) >= 4; offsets = offsets[4:] {
		module, parent, err := location(attributes, order.Uint32(offsets))
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", file, err)
		}
		name, home := text(strs, parent), text(strs, module)
		if home != "" && name != "" && home != "modules" && home != "packages" && !strings.HasPrefix(name, "META-INF") {
			found[strings.ReplaceAll(name, "/", ".")] = home
		}
	}
	return found, nil
}

var errIndex = errors.New("its index is damaged")

// location returns the module and the package of one resource, as offsets into the strings.
func location(attributes []byte, at uint32) (module, parent uint64, err error) {
	for {
		if int64(at) >= int64(len(attributes)) {
			return 0, 0, errIndex
		}
		kind, size := attributes[at]>>3, uint32(attributes[at]&7)+1
		if kind == 0 {
			return module, parent, nil
		}
		at++
		if int64(at)+int64(size) > int64(len(attributes)) {
			return 0, 0, errIndex
		}
		var value uint64
		for _, c := range attributes[at : at+size] {
			value = value<<8 | uint64(c)
		}
		switch kind {
		case attributeModule:
			module = value
		case attributeParent:
			parent = value
		}
		at += size
	}
}

func text(strs []byte, at uint64) string {
	if at >= uint64(len(strs)) {
		return ""
	}
	if end := bytes.IndexByte(strs[at:], 0); end >= 0 {
		return string(strs[at : at+uint64(end)])
	}
	return ""
}
