package abi

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// contents finds files of the slug.
type contents struct {
	files     map[string]File
	programs  map[string][]string // the paths of what PATH may lead to, by name
	libraries map[string][]string // the paths of shared libraries, by the names that they are found by
}

func newContents(files []File) *contents {
	c := &contents{files: map[string]File{}, programs: map[string][]string{}, libraries: map[string][]string{}}
	for _, f := range files {
		c.files[f.Path] = f
	}
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		f, base := c.files[name], path.Base(name)
		if onPath(name) {
			c.addProgram(base, name)
		}
		if strings.Contains(base, ".so") {
			c.libraries[base] = append(c.libraries[base], name)
		}
		if f.Object != nil && f.Object.Soname != "" && f.Object.Soname != base {
			c.libraries[f.Object.Soname] = append(c.libraries[f.Object.Soname], name)
		}
	}
	return c
}

// onPath reports whether PATH may lead to a file: not to a package's own programs, only to the links to them.
func onPath(name string) bool {
	dir := path.Dir(name)
	return inPrograms(name) && (path.Base(dir) == ".bin" || !strings.Contains("/"+dir+"/", "/node_modules/"))
}

// addProgram adds a file that a name may lead to. Those that are not as deep in the slug are before others on PATH: a
// layer's bin, and not that of what is installed in the layer.
func (c *contents) addProgram(name, file string) {
	is, depth := c.programs[name], strings.Count(file, "/")
	switch {
	case len(is) == 0 || depth < strings.Count(is[0], "/"):
		c.programs[name] = []string{file}
	case depth == strings.Count(is[0], "/"):
		c.programs[name] = append(is, file)
	}
}

// finds reports whether a file surely loads a library of the slug that it names: one that its own search path leads
// to, or of its own layer, or in the lib of a layer. A package may have brought a library for itself alone.
func (c *contents) finds(file, library string) bool {
	o, lib := c.files[file].Object, c.files[c.follow(library)].Object
	if lib == nil || lib.Arch != o.Arch {
		return false
	}
	at := path.Dir(library)
	if layer := layerOf(file); layer != "" && layer == layerOf(library) || at == path.Join(layerOf(library), "lib") {
		return true
	}
	for _, dir := range o.Paths {
		rest, own := strings.CutPrefix(strings.Replace(dir, "${ORIGIN}", "$ORIGIN", 1), "$ORIGIN")
		rel, inside := inApp(dir)
		if own && path.Join(path.Dir(file), rest) == at || inside && rel == at {
			return true
		}
	}
	return false
}

// layerOf returns the directory of the layer that a file is in: ".layers/ID/NAME"; "" for none.
func layerOf(name string) string {
	parts := strings.SplitN(name, "/", 4)
	if len(parts) < 4 || parts[0] != ".layers" {
		return ""
	}
	return path.Join(parts[:3]...)
}

// has reports whether an absolute path is one of a file of the slug.
func (c *contents) has(name string) bool {
	rel, inside := inApp(name)
	_, found := c.files[rel]
	return inside && found
}

// maxLinks is how many links and scripts lead from one to another, as for the kernel (path_resolution(7)).
const maxLinks = 40

// follow returns where a chain of links of files leads, as far as it is known.
func (c *contents) follow(name string) string {
	for range maxLinks {
		f, found := c.files[name]
		if !found || f.Link == "" {
			break
		}
		if rel, inside := inApp(f.Link); inside {
			name = rel
		} else {
			name = path.Join(path.Dir(name), f.Link)
		}
	}
	return name
}

// program returns the ELF file that starts in the end; "" if it is not known which, or not one of the slug.
func (c *contents) program(s Start) string {
	found := map[string]bool{}
	if known := c.ends(s, found, map[Start]bool{}); !known || len(found) != 1 {
		return ""
	}
	for name := range found {
		return name
	}
	return ""
}

// ends adds the ELF files that may start in the end to found. It returns false if it may be something else.
func (c *contents) ends(s Start, found map[string]bool, seen map[Start]bool) bool {
	candidates := c.programs[s.Name]
	if s.Path != "" {
		candidates = []string{s.Path}
	}
	if seen[s] || len(candidates) == 0 {
		return false
	}
	seen[s] = true
	next := map[Start]bool{}
	for _, name := range candidates {
		f := c.files[c.follow(name)]
		switch rel, inside := inApp(f.Script); {
		case f.Object != nil:
			found[f.Path] = true
		case inside:
			next[Start{Path: rel}] = true
		case f.Script == "" || path.IsAbs(f.Script):
			return false // not known, or a program of the machine
		default:
			next[Start{Name: f.Script}] = true
		}
	}
	for s := range next {
		if !c.ends(s, found, seen) {
			return false
		}
	}
	return true
}

// fixed are the paths at which a process can see the app, and where in the app they lead.
var fixed = []struct{ path, to string }{{"/app", ""}, {"/workspace", ""}, {"/layers", ".layers"}}

// inApp returns a path that is absolute in a process as one relative to the app.
func inApp(name string) (rel string, inside bool) {
	for _, f := range fixed {
		if rest, ok := strings.CutPrefix(path.Clean(name), f.path+"/"); ok {
			return path.Join(f.to, rest), true
		}
	}
	return "", false
}
