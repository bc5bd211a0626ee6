package abi_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/abi"
)

// program is an ELF program of glibc.
func program(name string, needed ...string) abi.File {
	return abi.File{Path: name, Object: &abi.Object{
		Arch: "amd64", Libc: abi.Glibc, Interp: "/lib64/ld-linux-x86-64.so.2", C: "2.34",
		Needed: append([]string{"libc.so.6"}, needed...),
	}}
}

// alone is a program with a search path of its own.
func alone(name, needed, dir string) abi.File {
	f := program(name, needed)
	f.Object.Paths = []string{dir}
	return f
}

// library is a shared library of glibc.
func library(name, soname, c string, needed ...string) abi.File {
	return abi.File{Path: name, Object: &abi.Object{
		Arch: "amd64", Libc: abi.Glibc, Soname: soname, C: c, Needed: needed,
	}}
}

func script(name, interpreter string) abi.File { return abi.File{Path: name, Script: interpreter} }

func link(name, target string) abi.File { return abi.File{Path: name, Link: target} }

// show is a need in one line.
func show(r *abi.Record) (list []string) {
	if r == nil {
		return []string{"nothing"}
	}
	for _, n := range r.Needs {
		list = append(list, fmt.Sprint(n.Kind, " ", n.Name, " of ", n.File, " for ", n.Types))
	}
	return list
}

const loader = "interpreter /lib64/ld-linux-x86-64.so.2 of "

func TestOf(t *testing.T) {
	t.Parallel()
	web := func(name string) []abi.Start { return []abi.Start{{Type: "web", Name: name}} }
	node := program("l/node/bin/node", "libstdc++.so.6", "libm.so.6")
	ofNode := []string{
		"arch amd64 of l/node/bin/node for [web]", loader + "l/node/bin/node for [web]",
		"symbols GLIBC_2.34 of l/node/bin/node for [web]", "library libstdc++.so.6 of l/node/bin/node for [web]",
	}
	ofX := []string{
		"arch amd64 of bin/x for [web]", loader + "bin/x for [web]", "symbols GLIBC_2.34 of bin/x for [web]",
	}
	unused := []string{
		loader + "l/node/bin/node for []", "symbols GLIBC_2.34 of l/node/bin/node for []",
		"library libstdc++.so.6 of l/node/bin/node for []",
	}
	for name, test := range map[string]struct {
		files  []abi.File
		starts []abi.Start
		want   []string
	}{
		"no ELF files":       {[]abi.File{script("bin/x", "ruby")}, web("x"), []string{"nothing"}},
		"a program":          {[]abi.File{node}, web("node"), ofNode},
		"no program":         {[]abi.File{node}, web("python3"), unused},
		"a link":             {[]abi.File{node, link("bin/server", "../l/node/bin/node")}, web("server"), ofNode},
		"an absolute link":   {[]abi.File{node, link("bin/server", "/app/l/node/bin/node")}, web("server"), ofNode},
		"a loop of links":    {[]abi.File{node, link("bin/a", "b"), link("bin/b", "a")}, web("a"), unused},
		"a script":           {[]abi.File{node, script("bin/next", "node")}, web("next"), ofNode},
		"a script by a path": {[]abi.File{node, script("bin/next", "/app/l/node/bin/node")}, web("next"), ofNode},
		"a script by /layers": {
			[]abi.File{program(".layers/bp/py/bin/python3"), script("bin/x", "/layers/bp/py/bin/python3")}, web("x"),
			[]string{
				"arch amd64 of .layers/bp/py/bin/python3 for [web]", loader + ".layers/bp/py/bin/python3 for [web]",
				"symbols GLIBC_2.34 of .layers/bp/py/bin/python3 for [web]",
			},
		},
		"the machine's script": {[]abi.File{node, script("bin/next", "/usr/bin/node")}, web("next"), unused},
		"scripts in a circle":  {[]abi.File{node, script("bin/a", "b"), script("bin/b", "a")}, web("a"), unused},
		"a package's command": {
			[]abi.File{
				node, link("node_modules/.bin/next", "../next/cli.js"), script("node_modules/next/cli.js", "node"),
			},
			web("next"), ofNode,
		},
		"a package's own programs": {
			[]abi.File{node, program("node_modules/node/bin/node")}, web("node"), ofNode,
		},
		"two of a name": {
			[]abi.File{node, program("l/other/bin/node")}, web("node"), unused,
		},
		"a program by its path": {
			[]abi.File{program("server")}, []abi.Start{{Type: "web", Path: "server"}},
			[]string{
				"arch amd64 of server for [web]", loader + "server for [web]", "symbols GLIBC_2.34 of server for [web]",
			},
		},
		"a library of the slug": {
			[]abi.File{
				program(".layers/a/b/bin/x", "liba.so.1"),
				library(".layers/a/b/lib/liba.so.1.2", "liba.so.1", "2.36", "libb.so.2"),
				library("lib/plugin.so", "", "2.38", "libc.so.6", "libz.so.1", "liba.so.1"),
			}, web("x"),
			[]string{
				"arch amd64 of .layers/a/b/bin/x for [web]", loader + ".layers/a/b/bin/x for [web]",
				"symbols GLIBC_2.36 of .layers/a/b/lib/liba.so.1.2 for [web]",
				"symbols GLIBC_2.38 of lib/plugin.so for []",
				"library libb.so.2 of .layers/a/b/lib/liba.so.1.2 for [web]",
				"library libz.so.1 of lib/plugin.so for []",
			},
		},
		"a library by a link": {
			[]abi.File{
				alone("bin/x", "liba.so.1", "$ORIGIN/../lib"), link("lib/liba.so.1", "liba-1.2.so"),
				library("lib/liba-1.2.so", "", "2.36"),
			},
			web("x"), []string{ofX[0], ofX[1], "symbols GLIBC_2.36 of lib/liba-1.2.so for [web]"},
		},
		"a library by an absolute path": {
			[]abi.File{alone("bin/x", "liba.so.1", "/app/own"), library("own/liba.so.1", "", "2.36")},
			web("x"), []string{ofX[0], ofX[1], "symbols GLIBC_2.36 of own/liba.so.1 for [web]"},
		},
		"a package's own copy of a library": {
			[]abi.File{
				alone("bin/x", "liba.so.1", "/opt"), library("node_modules/p/liba.so.1", "", "2.36", "libb.so"),
			},
			web("x"),
			[]string{
				ofX[0], ofX[1], ofX[2], "symbols GLIBC_2.36 of node_modules/p/liba.so.1 for []",
				"library libb.so of node_modules/p/liba.so.1 for []",
			},
		},
		"libraries in a circle": {
			[]abi.File{
				alone("bin/x", "liba.so", "$ORIGIN/../.layers/a/b"),
				library(".layers/a/b/liba.so", "", "2.2", "libb.so"),
				library(".layers/a/b/libb.so", "", "2.35", "liba.so"),
			},
			web("x"), []string{ofX[0], ofX[1], "symbols GLIBC_2.35 of .layers/a/b/libb.so for [web]"},
		},
		"a C library of its own": {
			[]abi.File{
				{Path: "bin/x", Object: &abi.Object{
					Arch: "amd64", Libc: abi.Glibc, Interp: "/app/lib/ld-linux-x86-64.so.2", C: "2.40",
					Needed: []string{"libc.so.6"},
				}},
				library("lib/libc.so.6", "libc.so.6", ""),
				library("lib/ld-linux-x86-64.so.2", "ld-linux-x86-64.so.2", ""),
			}, web("x"), []string{"arch amd64 of bin/x for [web]"},
		},
		"each type by itself": {
			[]abi.File{
				program("bin/a"), {Path: "bin/b", Object: &abi.Object{Arch: "amd64", Libc: abi.Glibc, C: "2.38"}},
			},
			[]abi.Start{{Type: "web", Name: "a"}, {Type: "worker", Name: "b"}, {Type: "clock", Name: "a"}},
			[]string{
				"arch amd64 of bin/a for [clock web worker]", loader + "bin/a for [clock web]",
				"symbols GLIBC_2.34 of bin/a for [clock web]", "symbols GLIBC_2.38 of bin/b for [worker]",
			},
		},
		"prebuilt for others": {
			[]abi.File{
				node, {Path: "node_modules/x/arm.node", Object: &abi.Object{Arch: "arm64", Libc: abi.Glibc, C: "2.99"}},
				{Path: "node_modules/x/musl.node", Object: &abi.Object{
					Arch: "amd64", Libc: abi.Musl, Needed: []string{"libc.musl-x86_64.so.1", "libx.so.1"},
				}},
			}, web("node"), ofNode,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := show(abi.Of(test.files, test.starts, "amd64"))
			if diff := cmp.Diff(test.want, want); diff != "" {
				t.Error(diff)
			}
			for range 5 { // whatever the order of the files
				rand.Shuffle(len(test.files), func(i, j int) {
					test.files[i], test.files[j] = test.files[j], test.files[i]
				})
				if diff := cmp.Diff(want, show(abi.Of(test.files, test.starts, "amd64"))); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}
