// Package abi knows what the programs of a slug need of the machine that runs them, and whether a machine has it.
//
//	object, ok := abi.Read(file, size)               // of each ELF file, when it is packed
//	record := abi.Of(files, starts, "amd64")         // kept in slug.json
//	problems := abi.This(env).Check(record, []string{"web"})
//
// A machine loads a program as ld.so(8) does: it needs the program's interpreter, the shared libraries that the
// program and its libraries name (DT_NEEDED) and the slug does not have, and a C library whose versions of symbols
// are new enough (ELF, "Symbol Versioning"; Linux Standard Base Core 5.0, 10.7).
//
// A false alarm is worse than a miss: an app that would run must not be refused. So
//
//   - only the programs that a process type is sure to start count, found through links and "#!" lines, with the
//     libraries that they name: node of `npm start`, ruby of `bundle exec puma`. What else is in the slug, native
//     extensions and the programs of packages, which nobody may ever load, is at most warned of;
//   - a library that is anywhere in the slug need not be the machine's; what it needs itself counts if a search path
//     surely leads to it;
//   - of several programs of one name, none counts;
//   - what this package cannot find out about a machine is taken to be right.
package abi

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The kinds of needs.
const (
	Arch        = "arch"        // the processor, by Go's name: "amd64"
	Interpreter = "interpreter" // the absolute path of the program's interpreter: "/lib64/ld-linux-x86-64.so.2"
	Library     = "library"     // a shared library that is not in the slug: "libssl.so.3"
	Symbols     = "symbols"     // a version of symbols of a library: "GLIBC_2.34", "GLIBCXX_3.4.30"
)

// The C libraries. Programs of the one do not run with the other.
const (
	Glibc = "glibc"
	Musl  = "musl"
)

// Record is what a slug needs of a machine. Equal files and commands make equal records.
type Record struct {
	Arch string `json:"arch"`           // that of the programs, or for which the slug was built
	Libc string `json:"libc,omitempty"` // "glibc", "musl"; "" if nothing is linked with one
	// Needs are in the order of their kinds and names. Of the versions of symbols they have the highest.
	Needs []Need `json:"needs,omitempty"`
}

// Need is one thing that a slug needs of a machine.
type Need struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	File string `json:"file"` // one that needs it, the first, relative to the app
	// Types are the process types that cannot start without it; none if only something else in the slug needs it.
	Types []string `json:"types,omitempty"`
	// Paths are the absolute paths outside of the app in which the file itself looks for libraries.
	Paths []string `json:"paths,omitempty"`
}

// maxName is the longest name of a library, an interpreter or a version that counts. Longer ones no system has.
const maxName = 255

// plain reports whether a name of an ELF file can be kept and shown.
func plain(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
