package abi

import (
	"bytes"
	"io"
	"path"
	"slices"
	"strings"
)

// File is what counts of one file of a slug: an ELF file, an executable script, or a link to a library or in a
// directory of programs.
type File struct {
	Path   string  `json:"path"`             // relative to the app, slash-separated
	Object *Object `json:"object,omitempty"` // of an ELF file
	Script string  `json:"script,omitempty"` // the program that runs a script: "node", "/usr/bin/env"
	Link   string  `json:"link,omitempty"`   // where a link leads, as it is written
}

// OfLink returns what counts of a symbolic link.
func OfLink(name, target string) (f File, ok bool) {
	if !inPrograms(name) && !strings.Contains(path.Base(name), ".so") {
		return File{}, false
	}
	return File{Path: valid(name), Link: valid(target)}, true
}

// OfFile returns what counts of a file, of which head is the first 256 bytes or all of it, and r reads the rest.
func OfFile(name string, executable bool, head []byte, r io.ReaderAt) (f File, ok bool) {
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		o, ok := Read(r)
		return File{Path: valid(name), Object: o}, ok
	case executable && bytes.HasPrefix(head, []byte("#!")):
		program := interpreterOf(head)
		return File{Path: valid(name), Script: program}, program != ""
	}
	return File{}, false
}

// HeadSize is how many bytes of a file [OfFile] looks at before it knows whether it counts: as many of a script's
// first line as the kernel does (execve(2)).
const HeadSize = 256

// interpreterOf returns the program that a script's first line names; of env(1), its argument.
func interpreterOf(head []byte) string {
	line, _, _ := bytes.Cut(head[2:], []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) > 0 && path.Base(words[0]) == "env" {
		words = words[1:]
		for len(words) > 0 && (words[0] == "-S" || strings.Contains(words[0], "=")) {
			words = words[1:]
		}
	}
	if len(words) == 0 || !plain(words[0]) || strings.HasPrefix(words[0], "-") {
		return ""
	}
	return words[0]
}

// programDirs are the names of directories that are on PATH.
var programDirs = []string{"bin", ".bin", "sbin"}

// inPrograms reports whether a file is in a directory of programs.
func inPrograms(name string) bool { return slices.Contains(programDirs, path.Base(path.Dir(name))) }

// valid returns a path as JSON keeps it.
func valid(name string) string { return strings.ToValidUTF8(name, "\ufffd") }
