package golang

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// recognise returns the diagnosis of a go command's failure by the end of its output, or nil. dir
// is the app's root: its name is removed from the output, so that places are relative to it. module
// is the app's own module path, release the Go that failed.
func recognise(tail []byte, dir, module, release string) *diagnosis.Diagnosis {
	// An import path may contain the same words: only what stands as a path of its own is the
	// directory.
	own := regexp.MustCompile(`(?m)(^|[\s"'(=])` + regexp.QuoteMeta(dir) + `(/|[\s"'):]|$)`)
	tail = own.ReplaceAllFunc(tail, func(found []byte) []byte {
		m := own.FindSubmatch(found)
		if string(m[2]) == "/" {
			return m[1]
		}
		return slices.Concat(m[1], []byte("."), m[2])
	})
	d := diagnosis.Recognise(slices.Concat(patterns(module, release), diagnosis.Common("go")), tail)
	if d != nil {
		d.Place = strings.TrimPrefix(d.Place, "./")
	}
	return d
}

// patterns returns the known failures of the go command, the particular before the general.
func patterns(module, release string) []diagnosis.Pattern {
	return slices.Concat(
		newerPatterns(release), modulePatterns, networkPatterns, diagnosis.Network("go"), dependencyPatterns,
		missingPatterns(module), sourcePatterns, cgoPatterns, compilePatterns,
	)
}

// pattern returns a pattern of the go command's ([diagnosis.NewPattern]).
func pattern(id, expression, place, summary string, hints ...string) diagnosis.Pattern {
	return diagnosis.NewPattern("go/"+id, expression, place, summary, hints...)
}

// position is how the go command names a place in a file, relative to the working directory:
// "main.go:3:8: ".
const position = `(?m)^(?:vet: )?(?:\./)?([^\s:]+:\d+)(?::\d+)?: `

// imported is a position or what else may come before a message about an import: "go: ", "package x
// imports y: ".
const imported = `(?m)^(?:([^\s:]+:\d+):\d+: )?(?:.*: )?`

const (
	tidy    = "run `go mod tidy` and commit go.mod and go.sum"
	noFiles = "commit the files; .gitignore or .slugignore may leave them out"
	noCGo   = "set CGO_ENABLED=0 if the app works without C code"
)

// modulePatterns are failures of go.mod, go.work and vendor/ themselves.
var modulePatterns = []diagnosis.Pattern{
	pattern("checksum-mismatch", `verifying (\S+?)(?:/go\.mod)?: checksum mismatch`, "go.sum",
		"$1 is not what go.sum says it is: the checksums differ.",
		"if its author has moved the tag, require a new version of it",
		"if go.sum was merged by hand, run `go clean -modcache` and `go mod tidy`, compare, and commit go.sum"),
	pattern("version-too-new", `(?:^|\s)(go\.mod|go\.work) requires go >= ([\w.]+) \(running go ([\w.]+)`, "$1",
		"$1 requires Go $2 or newer, and this build uses Go $3.",
		"lower the go line in $1 to a released version, or unset GOVERSION"),
	pattern("version-too-new", `(\S+) requires go >= ([\w.]+) \(running go ([\w.]+)`, "go.mod",
		"$1 requires Go $2 or newer, and this build uses Go $3.",
		"run `go get go@$2` and commit go.mod, or require an older version of it"),
	pattern("work-outdated",
		`module (\S+) listed in go\.work file requires go >= ([\w.]+), but go\.work lists go ([\w.]+)`, "go.work",
		"go.work says go $3, and its module $1 requires go $2.",
		"run `go work use` and commit go.work"),
	pattern("version-invalid", `(?m)^(\S+:\d+): (invalid go version .+)$`, "$1",
		"$1: $2.", "write a line such as `go 1.26.0`"),
	pattern("mod-invalid", `(?m)errors parsing \S+:\n(\S+:\d+):(?:\d+:)? (.+)$`, "$1",
		"$1: $2.", "run `go mod edit -fmt`, correct the line and commit it"),
	pattern("vendor-inconsistent", `(?m)inconsistent vendoring in .*:\n\s*(.+)$`, "vendor/modules.txt",
		"vendor/ does not agree with go.mod: $1.",
		"run `go mod vendor` and commit vendor/", "or remove vendor/ from the repository"),
	pattern("mod-outdated", `updates to (go\.\w+) needed`, "$1",
		"$1 is not up to date with what the app imports.", tidy),
	pattern("replace-missing", imported+`(\S+): replacement directory (\S+) does not exist`, "go.mod",
		"go.mod replaces $2 by $3, which is not part of the app.",
		"commit that directory inside the app", "or remove the replace line and require a published version"),
}

// networkPatterns are failures to fetch. Credentials come first: git tries several protocols, and
// all but one fail for another reason.
var networkPatterns = []diagnosis.Pattern{
	{ID: "go/private-module", Match: lazyregexp.New(`could not read (?:Username|Password) for '[a-z]+://([^'/]+)|` +
		`terminal prompts disabled|Authentication failed for '[a-z]+://([^'/]+)|Permission denied \(publickey|` +
		`\b401 Unauthorized`), Make: privateModule},
	unreachable(`connection reset by peer|stream error: .*|` + damaged).Again(),
	brokenOff.Again(),
	unreachable(`(?:dial tcp|proxyconnect|read tcp)\b.*|TLS handshake timeout|i/o timeout|` +
		`\b(?:429|5\d\d) [A-Z][A-Za-z ]+|Could not resolve host(?:name)?:? \S+|context deadline exceeded.*`),
	notFound(`(\S+@\S+): reading \S+: ((?:40[34]|410) [A-Z][A-Za-z ]+)`),
	notFound(`(\S+@\S+): invalid version: (unknown revision \S+)`),
	pattern("module-not-found", imported+`module lookup disabled by GOPROXY=off`, "$1",
		"A module has to be fetched, and GOPROXY=off forbids it.",
		"commit vendor/ (`go mod vendor`), or set GOPROXY"),
}

// damaged are the words for an archive that did not arrive as it was sent.
const damaged = `zip: not a valid zip file|zip: checksum error|flate: corrupt input before offset \d+`

// asking is how the go command names what it has asked for, up to the reason why it failed.
const asking = `(?:reading |(?:Get|read) ")https?://\S+ (?:.{0,200}?: )??`

// brokenOff is an answer that ended too early. The words alone may be those of a file's end.
var brokenOff = fetching(asking + `(?:unexpected )?EOF$`)

// unreachable returns the pattern of a proxy or a server that is in trouble. The address before the reason
// names the host.
func unreachable(reason string) diagnosis.Pattern {
	return fetching(`(?:` + asking + `)?(?:` + reason + `)`)
}

func fetching(expression string) diagnosis.Pattern {
	return pattern("proxy-unreachable", `(?m)(`+expression+`)`, "",
		"A module could not be fetched: $1.",
		"try again; if it persists, check GOPROXY and GOSUMDB",
		"`go mod vendor` and a committed vendor/ need no network").Transient()
}

// notFound returns the pattern of a module that the proxy does not have: its first submatch is the
// module, the second the reason.
func notFound(expression string) diagnosis.Pattern {
	return pattern("module-not-found", imported+expression, "go.mod",
		"The module proxy does not have $2 ($3).",
		"check the version in go.mod: it may never have been pushed, or have been withdrawn",
		"if the module is private, set GOPRIVATE to its path prefix and GO_GIT_CRED__HTTPS__‹HOST› to a token")
}

func privateModule(m []string) *diagnosis.Diagnosis {
	host := m[1] + m[2]
	if i := strings.LastIndex(host, "@"); i >= 0 {
		host = host[i+1:]
	}
	server, name := "the server that holds it", "‹HOST›"
	if host != "" {
		domain, _, _ := strings.Cut(host, ":")
		server, name = host, strings.ToUpper(strings.ReplaceAll(domain, ".", "__"))
	}
	return &diagnosis.Diagnosis{
		Summary: "A module is private, and " + server + " wants credentials.",
		Place:   "go.mod",
		Hints: []string{
			"set GOPRIVATE to the module's path prefix, so that it is fetched from its own server",
			"set GO_GIT_CRED__HTTPS__" + name + " to a read-only token (dots of the host become two underscores)",
		},
	}
}

// dependencyPatterns are modules and packages that go.sum and vendor/ lack.
var dependencyPatterns = []diagnosis.Pattern{
	pattern("sum-missing", `missing go\.sum entry for go\.mod file`, "go.sum",
		"go.sum has no entry for a module that the app needs.", tidy),
	pattern("sum-missing",
		`missing go\.sum entry for (?:module providing package )?([^\s;,]*[/.][^\s;,]*)`, "go.sum",
		"go.sum has no entry for $1.", tidy),
	pattern("sum-missing", `missing go\.sum entry`, "go.sum",
		"go.sum has no entry for a module that the app needs.", tidy),
	pattern("vendor-inconsistent", imported+`cannot find (?:module providing )?package `+
		`(\S+?)(?:: import lookup disabled by -mod=vendor| in vendor)`, "$1",
		"vendor/ does not have the package $2.",
		"run `go mod tidy` and `go mod vendor`, and commit vendor/"),
}

// missingPatterns are imports that lead nowhere. module is the app's own module path.
func missingPatterns(module string) []diagnosis.Pattern {
	missing := func(m []string) *diagnosis.Diagnosis {
		d := &diagnosis.Diagnosis{
			Place:   m[1],
			Summary: fmt.Sprintf("No module in go.mod provides the package %s.", m[2]),
			Hints:   []string{fmt.Sprintf("run `go get %s`, and commit go.mod and go.sum", m[2])},
		}
		if module != "" && strings.HasPrefix(m[2], module+"/") {
			d.Summary = fmt.Sprintf("The app has no package %s, which it imports.", m[2])
			d.Hints = []string{
				"commit that directory; .gitignore or .slugignore may leave it out",
				"generated code can be made by bin/go-pre-compile",
			}
		} else if first, _, _ := strings.Cut(m[2], "/"); !strings.Contains(first, ".") {
			d.Summary = fmt.Sprintf("There is no package %s, neither in Go's standard library nor in a module.", m[2])
			d.Hints = []string{"check its spelling; an import path of another module starts with a host name"}
		}
		return d
	}
	required := imported + `(?:no required module provides package|cannot find module providing package) ([^\s:;]+)`
	standard := imported + `package (\S+) is not in (?:std|GOROOT)`
	return []diagnosis.Pattern{
		{ID: "go/module-missing", Match: lazyregexp.New(required), Make: missing},
		{ID: "go/module-missing", Match: lazyregexp.New(standard), Make: missing},
	}
}

// sourcePatterns are faults in how the app's packages and files are laid out.
var sourcePatterns = []diagnosis.Pattern{
	pattern("embed-missing", position+`pattern (.+): no matching files found`, "$1",
		"$1 embeds $2, and no file of that name is in the app.",
		noFiles, "generated files can be made by bin/go-pre-compile, or by a Node.js build before this one"),
	pattern("import-cycle", `(?m)imports (\S+)(?: from \S+)?: import cycle not allowed`, "",
		"The package $1 imports itself by way of others.",
		"move what both sides need into a package of its own"),
}

// cgoPatterns are failures of C code.
var cgoPatterns = []diagnosis.Pattern{
	pattern("c-compiler-missing", `C compiler "?([^"\s]+)"? not found`, "",
		"The app uses cgo, and there is no C compiler ($1) on this machine.",
		noCGo, "or build on a machine with a C compiler"),
	pattern("c-library-missing", `Package '?([^\s']+)'? was not found in the pkg-config search path|`+
		`(\S+:\d+):\d+: fatal error: (\S+): No such file or directory|cannot find -l([^\s:]+)|`+
		`exec: "(pkg-config)": executable file not found`, "$2",
		"The app's C code needs $1$3$4$5, which is not on this machine.",
		"build on a machine with that library's development files", "or "+noCGo),
	pattern("no-files", `(?m)(?:package |imports )(\S+): build constraints exclude all Go files`, "",
		"Build constraints leave no file of the package $1.",
		"check its //go:build lines and file name endings such as _windows.go",
		"a package that uses cgo has no files where CGO_ENABLED=0 or no C compiler is found"),
}

// compilePatterns are errors of the compiler and the linker.
var compilePatterns = []diagnosis.Pattern{
	pattern("packages-mixed", `(?m)found packages (\w+) \((\S+)\) and (\w+) \((\S+)\) in (\S+)`, "$5/$2",
		"$2 is of package $1 and $4, in the same directory, is of package $3.",
		"move one of them to a directory of its own"),
	pattern("main-redeclared", position+`main redeclared in this block`, "$1",
		"$1 declares a second func main in its directory.",
		"move each program to a directory of its own, such as cmd/‹name›",
		"scripts for `go run` can be left out with a line `//go:build ignore`",
		"or name the packages to compile in go.mod: `// +heroku install ./cmd/web`"),
	{ID: "go/out-of-memory", Match: lazyregexp.New(`(?m): signal: killed$`), Make: func([]string) *diagnosis.Diagnosis {
		return (&command.Failure{Command: "go build", Status: "signal: killed"}).Unrecognised(unknown)
	}},
	pattern("compile-failed", position+`(.+?)\.?$`, "$1", "$1 does not compile: $2."),
}
