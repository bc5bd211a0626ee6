package abi

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"slugc/buildpacks/toolchain/libraries"
)

// Start is a program that a process type is sure to start.
type Start struct {
	Type string
	Path string // of its file, relative to the app; "" where Name is looked for on PATH
	Name string
}

// maxNeeds is the most needs of a record. No real slug comes near.
const maxNeeds = 1024

// Of returns what the files of a slug need, when its processes start so; nil if there are no ELF files. arch is what
// the slug was built for.
func Of(files []File, starts []Start, arch string) *Record {
	if !slices.ContainsFunc(files, func(f File) bool { return f.Object != nil }) {
		return nil
	}
	c := newContents(files)
	n := needs{contents: c, found: map[needKey]*Need{}}
	r := &Record{Arch: arch}
	started := map[string]bool{}
	for _, s := range starts {
		file := c.program(s)
		if file == "" {
			continue
		}
		if len(started) == 0 {
			o := c.files[file].Object
			r.Arch, r.Libc = o.Arch, o.Libc
		}
		n.start(file, s.Type, started)
	}
	others := c.others(started, r.Arch)
	if r.Libc == "" {
		for _, file := range others {
			r.Libc = cmp.Or(r.Libc, c.files[file].Object.Libc)
		}
	}
	for _, file := range others {
		if libc := c.files[file].Object.Libc; libc == "" || libc == r.Libc {
			n.add(file, "")
		}
	}
	r.Needs = n.list()
	return r
}

// others are the ELF files for a processor that no process type is sure to load, in order.
func (c *contents) others(started map[string]bool, arch string) (list []string) {
	for name, f := range c.files {
		if f.Object != nil && !started[name] && f.Object.Arch == arch {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// needs collects what files need, for each process type and, as that of "", for what none is sure to load.
type needs struct {
	*contents
	found map[needKey]*Need
}

// needKey has the name of a need; of versions of symbols, their family.
type needKey struct{ kind, name, typ string }

// start adds what a program and the libraries that it names need, for a process type. It adds their files to loaded.
func (n needs) start(program, typ string, loaded map[string]bool) {
	seen := map[string]bool{}
	for rest := []string{program}; len(rest) > 0; rest = rest[1:] {
		if !seen[rest[0]] {
			seen[rest[0]], loaded[rest[0]] = true, true
			rest = append(rest, n.add(rest[0], typ)...)
		}
	}
	n.need(Need{Kind: Arch, Name: n.files[program].Object.Arch, File: program}, typ)
}

// add adds what a file needs of the machine, and returns the files of the slug that are loaded with it.
func (n needs) add(file, typ string) (loads []string) {
	o := n.files[file].Object
	if o.Interp != "" && !n.has(o.Interp) {
		n.need(Need{Kind: Interpreter, Name: o.Interp, File: file}, typ)
	}
	var outside []string
	for _, dir := range o.Paths {
		if _, inside := inApp(dir); path.IsAbs(dir) && !inside {
			outside = append(outside, dir)
		}
	}
	for _, name := range o.Needed {
		own, inSlug := n.libraries[path.Base(name)]
		for _, at := range own {
			if n.finds(file, at) {
				loads = append(loads, n.follow(at))
			}
		}
		// The C library comes with the interpreter.
		if !inSlug && !ofMusl(name) && !(o.Libc == Glibc && libraries.IsLibC(name)) {
			n.need(Need{Kind: Library, Name: name, File: file, Paths: outside}, typ)
		}
	}
	if o.C != "" && n.libraries["libc.so.6"] == nil {
		n.need(Need{Kind: Symbols, Name: familyC + o.C, File: file}, typ)
	}
	if o.CXX != "" && n.libraries["libstdc++.so.6"] == nil {
		n.need(Need{Kind: Symbols, Name: familyCXX + o.CXX, File: file}, typ)
	}
	return loads
}

// need adds one need, unless it is there; of versions of symbols the highest stays.
func (n needs) need(add Need, typ string) {
	key := needKey{add.Kind, add.Name, typ}
	if add.Kind == Symbols {
		key.name = family(add.Name)
	}
	if is := n.found[key]; is == nil || add.Kind == Symbols && less(number(is.Name), number(add.Name)) {
		n.found[key] = &add
	}
}

// family and number are the parts of the name of a version of symbols: "GLIBC", "2.34".
func family(name string) string { before, _, _ := strings.Cut(name, "_"); return before }
func number(name string) string { _, after, _ := strings.Cut(name, "_"); return after }

// kinds is their order in a record.
var kinds = []string{Arch, Interpreter, Symbols, Library}

// list returns the needs in order: of each kind those of process types first.
func (n needs) list() []Need {
	merged, highest := map[[2]string]*Need{}, map[string]string{}
	for _, key := range slices.SortedFunc(maps.Keys(n.found), needKey.compare) {
		need := n.found[key]
		same := [2]string{need.Kind, need.Name}
		switch is := merged[same]; {
		case is == nil:
			if key.typ == "" && need.Kind == Symbols && !less(highest[key.name], number(need.Name)) {
				continue // a process type needs as much
			}
			merged[same] = need
		case key.typ == "":
			continue
		}
		if key.typ != "" {
			merged[same].Types = append(merged[same].Types, key.typ)
			if need.Kind == Symbols && less(highest[key.name], number(need.Name)) {
				highest[key.name] = number(need.Name)
			}
		}
	}
	list := make([]Need, 0, len(merged))
	for _, need := range merged {
		list = append(list, *need)
	}
	slices.SortFunc(list, func(a, b Need) int {
		return cmp.Or(
			cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)),
			cmp.Compare(min(len(b.Types), 1), min(len(a.Types), 1)),
			strings.Compare(a.Name, b.Name),
		)
	})
	return list[:min(len(list), maxNeeds)]
}

// compare puts the needs of process types before those of none.
func (k needKey) compare(other needKey) int {
	none := func(typ string) int {
		if typ == "" {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(none(k.typ), none(other.typ)), strings.Compare(k.kind, other.kind),
		strings.Compare(k.name, other.name), strings.Compare(k.typ, other.typ),
	)
}
