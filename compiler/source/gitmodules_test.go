package source_test

import (
	"path/filepath"
	"testing"

	"slugc/compiler/source"
)

// TestHostileModules holds what `.gitmodules` is refused for, though every file URL is allowed.
// Each script makes a tree; c is a commit, and m makes a .gitmodules of its input.
func TestHostileModules(t *testing.T) {
	t.Parallel()
	marker := filepath.Join(t.TempDir(), "pwned")
	one := func(name, path, url string) string {
		return `printf '[submodule "` + name + `"]\npath = ` + path + `\nurl = ` + url + `\n' | m; `
	}
	tests := []struct{ name, script, id, names string }{
		{"no .gitmodules", `entry 160000 $c lib; tree`, "source/submodule", `"lib" has no URL in .gitmodules`},
		{
			"another path",
			one("lib", "lib2", "file:///x") + `entry 160000 $c lib; tree`,
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
			one("lib", "lib", `\"ext::sh -c touch%% `+marker+`\"`) + `entry 160000 $c lib; tree`,
			"source/submodule",
			`"ext", and such helpers are not run`,
		},
		{
			"option",
			one("lib", "lib", `--upload-pack=touch`) + `entry 160000 $c lib; tree`,
			"source/submodule",
			"its URL is not one",
		},
		{
			"option for ssh",
			one("lib", "lib", `ssh://-oProxyCommand=touch/lib`) + `entry 160000 $c lib; tree`,
			"source/submodule",
			"has no proper host",
		},
		{
			"password",
			one("lib", "lib", `https://me:secret@example.com/lib`) + `entry 160000 $c lib; tree`,
			"source/submodule",
			`from "https://example.com/lib": its URL has a password`,
		},
		{
			"dots",
			one("lib", "lib", `file:///srv/../etc`) + `entry 160000 $c lib; tree`,
			"source/submodule",
			`has ".." in its path`,
		},
		{
			"unknown protocol",
			one("lib", "lib", `ftp://example.com/x`) + `entry 160000 $c lib; tree`,
			"source/submodule",
			`the protocol "ftp"`,
		},
		{
			"not allowed",
			one("lib", "lib", `https://example.com/x`) + `entry 160000 $c lib; tree`,
			"source/submodule",
			`is at "https://example.com/x", which is not allowed`,
		},
		{
			"name leads out",
			one("../../hooks", "lib", "file:///x") + `entry 160000 $c lib; tree`,
			"source/submodule",
			`is called "../../hooks"`,
		},
		{"dash", one("lib", "-u", "file:///x") + `entry 160000 $c -u; tree`, "source/submodule", "starts with a dash"},
		{
			"path leads out",
			one("lib", "../lib", "file:///x") + `entry 160000 $c ../lib; tree`,
			"source/entry-refused",
			"../lib",
		},
		{
			"path is here",
			one("lib", "./lib", "file:///x") + `entry 160000 $c ./lib; tree`,
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
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			repo := plant(
				t,
				`c=$(git commit-tree -m c $(git hash-object -t tree -w /dev/null));
					m() { entry 100644 $(blob) .gitmodules; }; `+test.script,
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
