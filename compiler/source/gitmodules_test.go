package source_test

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/compiler/source"
)

// oneModule writes a .gitmodules with one submodule.
func oneModule(name, path, url string) string {
	return `printf '[submodule "` + name + `"]\npath = ` + path + `\nurl = ` + url + `\n' | m; `
}

// hostileModules are .gitmodules that are refused, with the id of the error and a text in it. In scripts,
// MARKER is the file that an attack would make.
var hostileModules = []struct{ name, script, id, names string }{
	{"no .gitmodules", `entry 160000 $c lib; tree`, "source/submodule", `"lib" has no URL in .gitmodules`},
	{
		"another path",
		oneModule("lib", "lib2", "file:///x") + `entry 160000 $c lib; tree`,
		"source/submodule",
		`"lib" has no URL`,
	},
	{
		"no URL",
		`printf '[submodule "lib"]\npath = lib\n' | m; entry 160000 $c lib; tree`,
		"source/submodule",
		`"lib" has no URL`,
	},
	{
		"helper",
		oneModule("lib", "lib", `\"ext::sh -c touch%% MARKER\"`) + `entry 160000 $c lib; tree`,
		"source/submodule",
		`"ext", and such helpers are not run`,
	},
	{
		"option",
		oneModule("lib", "lib", `--upload-pack=touch`) + `entry 160000 $c lib; tree`,
		"source/submodule",
		"its URL is not one",
	},
	{
		"option for ssh",
		oneModule("lib", "lib", `ssh://-oProxyCommand=touch/lib`) + `entry 160000 $c lib; tree`,
		"source/submodule",
		"has no proper host",
	},
	{
		"password",
		oneModule("lib", "lib", `https://me:secret@example.com/lib`) + `entry 160000 $c lib; tree`,
		"source/submodule",
		`from "https://example.com/lib": its URL has a password`,
	},
	{
		"dots",
		oneModule("lib", "lib", `file:///srv/../etc`) + `entry 160000 $c lib; tree`,
		"source/submodule",
		`has ".." in its path`,
	},
	{
		"unknown protocol",
		oneModule("lib", "lib", `ftp://example.com/x`) + `entry 160000 $c lib; tree`,
		"source/submodule",
		`the protocol "ftp"`,
	},
	{
		"not allowed",
		oneModule("lib", "lib", `https://example.com/x`) + `entry 160000 $c lib; tree`,
		"source/submodule",
		`is at "https://example.com/x", which is not allowed`,
	},
	{
		"name leads out",
		oneModule("../../hooks", "lib", "file:///x") + `entry 160000 $c lib; tree`,
		"source/submodule",
		`is called "../../hooks"`,
	},
	{
		"dash", oneModule("lib", "-u", "file:///x") + `entry 160000 $c -u; tree`,
		"source/submodule", "starts with a dash",
	},
	{
		"path leads out",
		oneModule("lib", "../lib", "file:///x") + `entry 160000 $c ../lib; tree`,
		"source/entry-refused",
		"../lib",
	},
	{
		"path is here",
		oneModule("lib", "./lib", "file:///x") + `entry 160000 $c ./lib; tree`,
		"source/entry-refused",
		"./lib",
	},
	{
		"twice in a section",
		`printf '[submodule "lib"]\npath = lib\nurl = file:///x\nurl = file:///y\n' | m; entry 160000 $c lib; tree`,
		"source/submodule",
		"more than once",
	},
	{
		"twice",
		`printf '[submodule "%s"]\npath = lib\nurl = file:///x\n' a b | m; entry 160000 $c lib; tree`,
		"source/submodule",
		"more than once",
	},
	{
		"link",
		`l=$(printf a | blob); entry 120000 $l .gitmodules; entry 160000 $c lib; tree`,
		"source/entry-refused",
		`".gitmodules": it is not a regular file`,
	},
	{
		"directory",
		`entry 100644 $x a; s=$(tree); entry 40000 $s .gitmodules; entry 160000 $c lib; tree`,
		"source/entry-refused",
		`".gitmodules": it is not a regular file`,
	},
	{
		"huge",
		`head -c 70000 /dev/zero | tr '\0' '#' | m; entry 160000 $c lib; tree`,
		"source/too-large",
		`".gitmodules" is larger than 64 KiB`,
	},
	{
		"grows",
		`(printf '[submodule "%01000d"]\n' 1; yes path=x | head -n 4000) | m; entry 160000 $c lib; tree`,
		"source/too-large",
		`".gitmodules" is larger`,
	},
	{
		"no configuration",
		`echo '[submodule "lib' | m; entry 160000 $c lib; tree`,
		"source/gitmodules-invalid",
		"bad config line 1",
	},
	{
		"includes",
		`printf '[include]\npath = /etc/hostname\n[submodule "lib"]\npath = lib\n' | m; entry 160000 $c lib; tree`,
		"source/submodule",
		`"lib" has no URL`,
	},
	{
		"too many",
		`for i in $(seq 101); do entry 160000 $c $(printf %03d $i); done; tree`,
		"source/too-large",
		`"101" is one submodule too many; 100 are allowed`,
	},
}

// TestHostileModules holds what `.gitmodules` is refused for, though every file URL is allowed.
// Each script makes a tree; c is a commit, and m makes a .gitmodules of its input.
func TestHostileModules(t *testing.T) {
	t.Parallel()
	marker := filepath.Join(t.TempDir(), "pwned")
	for _, test := range hostileModules {
		t.Run(test.name, func(t *testing.T) {
			repo := plant(
				t,
				`c=$(git commit-tree -m c $(git hash-object -t tree -w /dev/null));
					m() { entry 100644 $(blob) .gitmodules; }; `+strings.ReplaceAll(test.script, "MARKER", marker),
			)
			_, err := source.Open(
				t.Context(),
				source.Spec{
					Kind:       source.Git,
					Dir:        repo,
					Submodules: source.Submodules{Allow: []string{"file:///*"}, Cache: t.TempDir()},
				},
				source.Options{},
			)
			wantFault(t, err, test.id, test.names)
		})
	}
	if found, _ := filepath.Glob(marker); found != nil {
		t.Error("a program of the URL's choice has run")
	}
}

func TestSubmodulePattern(t *testing.T) {
	t.Parallel()
	repo := plant(t, `entry 160000 $x lib; tree`)
	_, err := source.Open(
		t.Context(),
		source.Spec{
			Kind:       source.Git,
			Dir:        repo,
			Submodules: source.Submodules{Allow: []string{"https://example.com*"}},
		},
		source.Options{},
	)
	wantFault(t, err, "source/submodule-pattern", `"https://example.com*" for submodules: it has no proper path`)
}
