package detect_test

import (
	"strings"
	"testing"

	"slugc/detect"
)

func mod(lines ...string) string {
	return "module example.com/app\n\n" + strings.Join(lines, "\n") + "\n"
}

// gomod makes a tree with a go.mod of these lines.
func gomod(lines ...string) files { return files{"go.mod": mod(lines...)} }

// unreadable is what is said of a go.mod that can't be read.
func unreadable(cause string) want {
	return want{reasons: []string{`-go.mod can't be read: opening "go.mod": ` + cause, "-no go.mod and no go.work"}}
}

const noGoVersion = "no Go version is named; add a go directive to go.mod, such as `go 1.25`"

var goRows = []row{
	{"nothing", files{}, nil, want{reasons: []string{"-no go.mod and no go.work"}}},
	{"go directive is a minimum of its line", gomod("go 1.24.0"), nil, ok("go >=1.24.0 <1.25 from go.mod")},
	{"minor line", gomod("go 1.25"), nil, ok("go >=1.25 <1.26 from go.mod")},
	{"release candidate", gomod("go 1.27rc1"), nil, ok("go >=1.27rc1 <1.28 from go.mod")},
	{"toolchain above go", gomod("go 1.24.0", "toolchain go1.25.3"), nil,
		ok("go >=1.25.3 <1.26 from go.mod toolchain")},
	{"toolchain below go", gomod("go 1.25.4", "toolchain go1.25.3"), nil, ok("go >=1.25.4 <1.26 from go.mod")},
	{"toolchain default", gomod("go 1.24", "toolchain default"), nil, ok("go >=1.24 <1.25 from go.mod")},
	{"toolchain with a suffix", gomod("go 1.24", "toolchain go1.24.2-corp"), nil,
		ok("go >=1.24.2 <1.25 from go.mod toolchain")},
	{"toolchain invalid", gomod("go 1.24", "toolchain 1.24.2"), nil, fails("go/version-invalid at go.mod:4")},
	{"no go directive", files{"go.mod": "module x\n"}, nil, warned("go  from default", noGoVersion)},
	{"byte order mark and CRLF", files{"go.mod": "\ufeffmodule x\r\n\r\ngo 1.24.1\r\n"}, nil,
		ok("go >=1.24.1 <1.25 from go.mod")},
	{"comment after the version", gomod("go 1.24.1 // minimum"), nil, ok("go >=1.24.1 <1.25 from go.mod")},
	{"quoted module", files{"go.mod": "module \"example.com/q\"\ngo 1.24\n"}, nil,
		ok("go >=1.24 <1.25 from go.mod")},
	{"unknown directives are skipped", gomod("go 1.24", "future (", "\tx y", ")"), nil,
		ok("go >=1.24 <1.25 from go.mod")},
	{"1.24.x as the go command has it", gomod("go 1.24.x"), nil, fails("go/version-invalid at go.mod:3")},
	{"no version at all", gomod("go fast"), nil, fails("go/version-invalid at go.mod:3")},
	{"older than modules", gomod("go 1.9"), nil, warned("go >=1.11 from go.mod",
		"go.mod says go 1.9, and the app has modules, which came with Go 1.11; using the newest Go")},
	{"older than its directives", gomod("go 1.20", "tool (", "\tx.test/y", ")"), nil, warned("go >=1.24 from go.mod",
		"go.mod says go 1.20, and go.mod has tool lines, which came with Go 1.24; using the newest Go")},
	{"older than its form", gomod("go 1.20.5"), nil, warned("go >=1.21 from go.mod",
		"go.mod says go 1.20.5, and go.mod has the go line 1.20.5, which came with Go 1.21; using the newest Go")},
	{"older than go.work", files{"go.work": "go 1.17\nuse .\n", "go.mod": mod("go 1.17")}, nil,
		warned("go >=1.18 from go.mod",
			"go.mod says go 1.17, and the app has a go.work, which came with Go 1.18; using the newest Go")},
	{"older than its directives, and pinned", gomod("go 1.20", "tool x.test/y"), env{"GOVERSION": "1.20"},
		ok("go >=1.20 <1.21 from GOVERSION")},
	{"as old as can be", gomod("go 1.11"), nil, ok("go >=1.11 <1.12 from go.mod")},
	{"syntax", files{"go.mod": "module x\nrequire (\n"}, nil, fails("go/mod-invalid at go.mod:3")},
	{"repeated go", gomod("go 1.24", "go 1.25"), nil, fails("go/mod-invalid at go.mod:4")},
	{"empty go.mod", files{"go.mod": ""}, nil, fails("go/mod-invalid at go.mod")},
	{"bin is a file", files{"go.mod": mod("go 1.24"), "bin": "#!/bin/sh"}, nil, fails("go/bin-is-a-file at bin")},
	{"bin is a directory", files{"go.mod": mod("go 1.24"), "bin/tool": ""}, nil, ok("go >=1.24 <1.25 from go.mod")},
	{"configuration, minor", gomod("go 1.24"), env{"SLUGC_GO_VERSION": "1.26"},
		ok("go >=1.26 <1.27 from SLUGC_GO_VERSION")},
	{"configuration, exact", gomod("go 1.24"), env{"SLUGC_GO_VERSION": "go1.25.2"},
		ok("go =1.25.2 from SLUGC_GO_VERSION")},
	{"configuration, too low", gomod("go 1.24"), env{"SLUGC_GO_VERSION": "1.22"},
		warned("go >=1.22 <1.23 from SLUGC_GO_VERSION",
			"SLUGC_GO_VERSION asks for 1.22 and go.mod says 1.24 or later; using SLUGC_GO_VERSION")},
	{"configuration, exact and too low", gomod("go 1.24.5"), env{"SLUGC_GO_VERSION": "1.24.1"},
		warned("go =1.24.1 from SLUGC_GO_VERSION",
			"SLUGC_GO_VERSION asks for 1.24.1 and go.mod says 1.24.5 or later; using SLUGC_GO_VERSION")},
	{"configuration, invalid", gomod("go 1.24"), env{"SLUGC_GO_VERSION": "newest"},
		fails("go/version-invalid at SLUGC_GO_VERSION")},
	{"Heroku's GOVERSION", gomod("go 1.24"), env{"GOVERSION": "go1.25"}, ok("go >=1.25 <1.26 from GOVERSION")},
	{"heroku comment", files{"go.mod": "// +heroku goVersion go1.25.1\n" + mod("go 1.24")}, nil,
		ok("go =1.25.1 from go.mod +heroku goVersion")},
	{"heroku comment, caret", files{"go.mod": "// +heroku goVersion ^1.25\n" + mod("go 1.24")}, nil,
		ok("go >=1.25 <2.0 from go.mod +heroku goVersion")},
	{"heroku comment, comparators", files{"go.mod": "// +heroku goVersion >= 1.24, < 1.26\n" + mod("go 1.24")}, nil,
		ok("go >=1.24 <1.26 from go.mod +heroku goVersion")},
	{"configuration, comparators", gomod("go 1.24"), env{"SLUGC_GO_VERSION": ">=1.24.2 < 1.26"},
		ok("go >=1.24.2 <1.26 from SLUGC_GO_VERSION")},
	{"heroku comment, tilde", files{"go.mod": "//+heroku goVersion ~1.24.3\n" + mod("go 1.24")}, nil,
		ok("go >=1.24.3 <1.25 from go.mod +heroku goVersion")},
	{"heroku comment, equals", files{"go.mod": "// +heroku goVersion =1.24\n" + mod("go 1.24")}, nil,
		ok("go >=1.24 <1.25 from go.mod +heroku goVersion")},
	{"heroku comment, invalid", files{"go.mod": "// +heroku goVersion devel-abc\n" + mod("go 1.24")}, nil,
		fails("go/version-invalid at go.mod +heroku goVersion")},
	{"workspace",
		files{"go.work": "go 1.25\nuse (\n\t./a\n\t./b\n)\n", "a/go.mod": mod("go 1.24"),
			"b/go.mod": mod("go 1.25.2")}, nil, ok("go >=1.25.2 <1.26 from b/go.mod")},
	{"workspace toolchain", files{"go.work": "go 1.25\ntoolchain go1.26.1\nuse .\n", "go.mod": mod("go 1.24")}, nil,
		ok("go >=1.26.1 <1.27 from go.work toolchain")},
	{"workspace member missing", files{"go.work": "go 1.25\nuse ./a\n"}, nil, fails("go/work-invalid at go.work")},
	{"workspace member outside", files{"go.work": "go 1.25\nuse ../a\n"}, nil, fails("go/work-invalid at go.work")},
	{"workspace syntax", files{"go.work": "go 1.25\nuse (\n"}, nil, fails("go/work-invalid at go.work:3")},
	{"dep", files{"Gopkg.lock": "", "main.go": ""}, nil, fails("go/legacy-dependency-tool at Gopkg.lock")},
	{"godep", files{"Godeps/Godeps.json": ""}, nil, fails("go/legacy-dependency-tool at Godeps/Godeps.json")},
	{"govendor", files{"vendor/vendor.json": ""}, nil, fails("go/legacy-dependency-tool at vendor/vendor.json")},
	{"glide", files{"glide.yaml": ""}, nil, fails("go/legacy-dependency-tool at glide.yaml")},
	{"gb", files{"src/cmd/x/main.go": ""}, nil, fails("go/legacy-dependency-tool at src/cmd/x/main.go")},
	{"Go files without a module", files{"main.go": "package main"}, nil, fails("go/no-module at main.go")},
	{"Go files only below", files{"tools/main.go": "package main"}, nil, want{}},
	{"wrong case", files{"Go.mod": mod("go 1.24")}, nil, want{}},
	{"go.mod is a directory", files{"go.mod/": ""}, nil, want{}},
	{"link inside the tree", files{"go.mod": "-> conf/go.mod", "conf/go.mod": mod("go 1.24")}, nil,
		ok("go >=1.24 <1.25 from go.mod")},
	{"link out of the tree", files{"go.mod": "-> ../secret"}, nil,
		unreadable("a symbolic link leads out of the tree")},
	{"absolute link", files{"go.mod": "-> /etc/passwd"}, nil, unreadable("a symbolic link leads out of the tree")},
	{"link to itself", files{"go.mod": "-> go.mod"}, nil, unreadable("too many symbolic links")},
	{"too large", files{"go.mod": strings.Repeat("// x\n", 1<<20)}, nil, fails("go/file-too-large at go.mod")},
}

func TestGo(t *testing.T) { check(t, detect.ForGo, goRows) }

func TestGoApp(t *testing.T) {
	tree := files{
		"go.mod": "// +heroku install ./cmd/... ./other\n// +heroku install ./late\n" +
			mod("go 1.24", "toolchain go1.25.1", "require rsc.io/quote v1.5.2"),
		"go.work":            "go 1.24\nuse (\n\t.\n\t./tools/gen/\n)\n",
		"tools/gen/go.mod":   "module example.com/gen\ngo 1.24.2\n",
		"vendor/modules.txt": "", "go.sum": "",
	}
	checkApp(t, detect.ForGo, tree, &detect.GoApp{
		Module: "example.com/app", Workspace: true, Members: []string{".", "tools/gen"},
		GoVersion: "1.24.2", Toolchain: "go1.25.1", Install: []string{"./cmd/...", "./other"},
		Vendored: true, HasSum: true, HasRequires: true, Web: true,
	})
}

// TestGoNewer holds that a go directive is a minimum, and everything else that names a version is a wish.
func TestGoNewer(t *testing.T) {
	for want, in := range map[string]detect.Input{
		">=1.18": {FS: gomod("go 1.18").tree()},
		">=1.24": {FS: gomod("go 1.20", "tool x.test/y").tree()},
		"":       {FS: gomod("go 1.18", "toolchain go1.21.3").tree()},
		" ":      {FS: gomod("go 1.18").tree(), Env: map[string]string{"GOVERSION": "1.18"}},
		"  ":     {FS: files{"go.mod": "// +heroku goVersion go1.18\n" + mod("go 1.18")}.tree()},
	} {
		got, err := detect.ForGo(in)
		if err != nil || got.Requires[0].Newer != strings.TrimSpace(want) {
			t.Errorf("got %+v, %v, want %q", got.Requires, err, want)
		}
	}
}

func FuzzGoMod(f *testing.F) {
	f.Add(mod("go 1.24.x", "toolchain go1.25"), "go 1.24\nuse ./a\n")
	f.Add("// +heroku goVersion >=1\nmodule x", "")
	f.Add("module x\ngo 1.21 // c\n)", "use (")
	f.Fuzz(func(t *testing.T, mod, work string) {
		result, err := detect.ForGo(
			detect.Input{FS: files{"go.mod": mod + " ", "go.work": work + " ", "a/go.mod": mod}.tree()})
		if result.Pass == (err != nil) || len(result.Reasons) == 0 {
			t.Fatalf("pass %v, error %v, reasons %v", result.Pass, err, result.Reasons)
		}
		if s := summary(result, err); strings.Contains(s.err, "[summary") {
			t.Fatal(s.err)
		}
	})
}
