package golang

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// recognise returns the diagnosis of a go command's failure by the end of its output, or nil. dir
// is the app's root, whose name is taken out of the output, so that places are relative to it;
// module is the app's own module path.
func recognise(tail []byte, dir, module string) *diagnosis.Diagnosis {
	// An import path may hold the same words: only what stands as a path of its own is the
	// directory.
	own := regexp.MustCompile(`(?m)(^|[\s"'(=])` + regexp.QuoteMeta(dir) + `(/|[\s"'):]|$)`)
	tail = own.ReplaceAllFunc(tail, func(found []byte) []byte {
		m := own.FindSubmatch(found)
		if string(m[2]) == "/" {
			return m[1]
		}
		return slices.Concat(m[1], []byte("."), m[2])
	})
	d := diagnosis.Recognise(patterns(module), tail)
	if d != nil {
		d.Place = strings.TrimPrefix(d.Place, "./")
	}
	return d
}

// patterns are the failures that are known, the particular before the general (languages.md 4.8).
func patterns(module string) []diagnosis.Pattern {
	return slices.Concat(
		modulePatterns(),
		networkPatterns(),
		dependencyPatterns(module),
		cgoPatterns(),
		compilePatterns(),
		diagnosis.Common("go"),
	)
}

// place is how the go command names a place in a file: "main.go:3:8: ", relative to the working
// directory.
const place = `(?m)^(?:vet: )?((?:\./)?[^\s:]+:\d+)(?::\d+)?: `

// imported is a place or what else may come before a message about an import: "go: ", "package x
// imports y: ".
const imported = `(?m)^(?:([^\s:]+:\d+):\d+: )?(?:.*: )?`

const tidy = "run `go mod tidy` and commit go.mod and go.sum"

// modulePatterns are failures of go.mod, go.work and vendor/ themselves.
func modulePatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{
		{
			ID:    "go/checksum-mismatch",
			Match: regexp.MustCompile(`verifying (\S+): checksum mismatch`),
			Make: func(m []string) *diagnosis.Diagnosis {
				module, _ := strings.CutSuffix(m[1], "/go.mod")
				return &diagnosis.Diagnosis{
					Place:   "go.sum",
					Summary: module + " is not what go.sum says it is: the checksums differ.",
					Hints: []string{
						"if its author has moved the tag, require a new version of it",
						"if go.sum was merged by hand, run `go clean -modcache` and `go mod tidy`, compare, and commit go.sum",
					},
				}
			},
		},
		{
			ID:    "go/version-too-new",
			Match: regexp.MustCompile(`(?m)(\S+) requires go >= ([\w.]+) \(running go ([\w.]+)`),
			Make: func(m []string) *diagnosis.Diagnosis {
				d := &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("%s requires Go %s or newer, and this build uses Go %s.", m[1], m[2], m[3]),
				}
				if m[1] == "go.mod" || m[1] == "go.work" {
					d.Place, d.Hints = m[1], []string{
						fmt.Sprintf("lower the go line in %s to a released version, or unset GOVERSION", m[1]),
					}
				} else {
					d.Place, d.Hints = "go.mod", []string{fmt.Sprintf("run `go get go@%s` and commit go.mod, or require an older version of it", m[2])}
				}
				return d
			},
		},
		{
			ID: "go/work-outdated",
			Match: regexp.MustCompile(
				`module (\S+) listed in go\.work file requires go >= ([\w.]+), but go\.work lists go ([\w.]+)`,
			),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place:   "go.work",
					Summary: fmt.Sprintf("go.work says go %s, and its module %s requires go %s.", m[3], m[1], m[2]),
					Hints:   []string{"run `go work use` and commit go.work"},
				}
			},
		},
		{
			ID:    "go/version-invalid",
			Match: regexp.MustCompile(`(?m)^(\S+:\d+): (invalid go version .+)$`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place:   m[1],
					Summary: m[1] + ": " + m[2] + ".",
					Hints:   []string{"write a line such as `go 1.26.0`"},
				}
			},
		},
		{
			ID:    "go/mod-invalid",
			Match: regexp.MustCompile(`(?m)errors parsing \S+:\n(\S+:\d+):(?:\d+:)? (.+)$`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place:   m[1],
					Summary: m[1] + ": " + m[2] + ".",
					Hints:   []string{"run `go mod edit -fmt`, correct the line and commit it"},
				}
			},
		},
		{
			ID:    "go/vendor-inconsistent",
			Match: regexp.MustCompile(`(?m)inconsistent vendoring in .*:\n\s*(.+)$`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place:   "vendor/modules.txt",
					Summary: "vendor/ does not agree with go.mod: " + m[1] + ".",
					Hints: []string{
						"run `go mod vendor` and commit vendor/", "or remove vendor/ from the repository",
					},
				}
			},
		},
		{
			ID:    "go/mod-outdated",
			Match: regexp.MustCompile(`updates to (go\.\w+) needed`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place:   m[1],
					Summary: m[1] + " is not up to date with what the app imports.",
					Hints:   []string{tidy},
				}
			},
		},
		{
			ID:    "go/replace-missing",
			Match: regexp.MustCompile(imported + `(\S+): replacement directory (\S+) does not exist`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place:   "go.mod",
					Summary: fmt.Sprintf("go.mod replaces %s by %s, which is not part of the app.", m[2], m[3]),
					Hints: []string{
						"commit that directory inside of the app", "or remove the replace line and require a published version",
					},
				}
			},
		},
	}
}

// networkPatterns are failures to fetch. Credentials come first: git tries several protocols, and
// all but one fail for another reason.
func networkPatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{
		{
			ID: "go/private-module",
			Match: regexp.MustCompile(
				`could not read (?:Username|Password) for '[a-z]+://([^'/]+)|terminal prompts disabled|Authentication failed for '[a-z]+://([^'/]+)|Permission denied \(publickey|\b401 Unauthorized`,
			),
			Make: func(m []string) *diagnosis.Diagnosis {
				host := m[1] + m[2]
				if i := strings.LastIndex(host, "@"); i >= 0 {
					host = host[i+1:]
				}
				where, name := "the server that holds it", "‹HOST›"
				if host != "" {
					domain, _, _ := strings.Cut(host, ":")
					where, name = host, strings.ToUpper(strings.ReplaceAll(domain, ".", "__"))
				}
				return &diagnosis.Diagnosis{
					Summary: "A module is private, and " + where + " wants credentials.",
					Place:   "go.mod",
					Hints: []string{
						"set GOPRIVATE to the module's path prefix, so that it is fetched from its own server",
						fmt.Sprintf(
							"set GO_GIT_CRED__HTTPS__%s to a read-only token (dots of the host become two underscores)",
							name,
						),
					},
				}
			},
		},
		{
			ID: "go/proxy-unreachable",
			Match: regexp.MustCompile(
				`(?m)((?:dial tcp|proxyconnect|read tcp)\b.*|TLS handshake timeout|i/o timeout|connection reset by peer|unexpected EOF$|\b(?:429|500|502|503|504) [A-Z][A-Za-z ]+|Could not resolve host(?:name)?:? \S+)`,
			),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Transient: true,
					Summary:   "A module could not be fetched: " + strings.TrimSpace(m[1]) + ".",
					Hints: []string{
						"try again; if it persists, check GOPROXY and GOSUMDB", "`go mod vendor` and a committed vendor/ need no network",
					},
				}
			},
		},
		{
			ID:    "go/module-not-found",
			Match: regexp.MustCompile(imported + `(\S+@\S+): reading \S+: (40[34]|410) ([A-Z][A-Za-z ]+)`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return missingModule(m[2], m[3]+" "+m[4])
			},
		},
		{
			ID:    "go/module-not-found",
			Match: regexp.MustCompile(imported + `(\S+@\S+): invalid version: (unknown revision \S+)`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return missingModule(m[2], m[3])
			},
		},
		{
			ID:    "go/module-not-found",
			Match: regexp.MustCompile(imported + `(module lookup disabled by GOPROXY=off)`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place:   m[1],
					Summary: "A module has to be fetched, and GOPROXY=off forbids it.",
					Hints:   []string{"commit vendor/ (`go mod vendor`), or set GOPROXY"},
				}
			},
		},
	}
}

func missingModule(module, reason string) *diagnosis.Diagnosis {
	return &diagnosis.Diagnosis{
		Place:   "go.mod",
		Summary: fmt.Sprintf("The module proxy does not have %s (%s).", module, reason),
		Hints: []string{
			"check the version in go.mod: it may never have been pushed, or have been withdrawn",
			"if the module is private, set GOPRIVATE to its path prefix and GO_GIT_CRED__HTTPS__‹HOST› to a token",
		},
	}
}

// dependencyPatterns are imports that lead nowhere.
func dependencyPatterns(module string) []diagnosis.Pattern {
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
			d.Hints = []string{"check its spelling; an import path of another module begins with a host name"}
		}
		return d
	}
	return []diagnosis.Pattern{
		{
			ID: "go/sum-missing",
			Match: regexp.MustCompile(
				imported + `missing go\.sum entry for (?:module providing package |go\.mod file )?(\S+)?`,
			),
			Make: func(m []string) *diagnosis.Diagnosis {
				d := &diagnosis.Diagnosis{
					Place:   "go.sum",
					Summary: "go.sum has no entry for a module that the app needs.",
					Hints:   []string{tidy},
				}
				if name := strings.TrimRight(m[2], ";,"); strings.ContainsAny(name, "/.") {
					d.Summary = "go.sum has no entry for " + name + "."
				}
				return d
			},
		},
		{
			ID: "go/vendor-inconsistent",
			Match: regexp.MustCompile(
				imported + `cannot find (?:module providing )?package (\S+?)(?:: import lookup disabled by -mod=vendor| in vendor)`,
			),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place:   m[1],
					Summary: fmt.Sprintf("vendor/ does not hold the package %s.", m[2]),
					Hints:   []string{"run `go mod tidy` and `go mod vendor`, and commit vendor/"},
				}
			},
		},
		{
			ID: "go/module-missing",
			Match: regexp.MustCompile(
				imported + `(?:no required module provides package|cannot find module providing package) ([^\s:;]+)`,
			),
			Make: missing,
		},
		{
			ID:    "go/module-missing",
			Match: regexp.MustCompile(imported + `package (\S+) is not in (?:std|GOROOT)`),
			Make:  missing,
		},
		{
			ID:    "go/embed-missing",
			Match: regexp.MustCompile(place + `pattern (.+): no matching files found`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place:   m[1],
					Summary: fmt.Sprintf("%s embeds %s, and no file of that name is in the app.", m[1], m[2]),
					Hints: []string{
						"commit the files; .gitignore or .slugignore may leave them out", "generated files can be made by bin/go-pre-compile, or by a Node.js build before this one",
					},
				}
			},
		},
		{
			ID:    "go/import-cycle",
			Match: regexp.MustCompile(`(?m)imports (\S+)(?: from \S+)?: import cycle not allowed`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("The package %s imports itself by way of others.", m[1]),
					Hints:   []string{"move what both sides need into a package of its own"},
				}
			},
		},
	}
}

func cgoPatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{
		{
			ID:    "go/c-compiler-missing",
			Match: regexp.MustCompile(`C compiler "?([^"\s]+)"? not found`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("The app uses cgo, and there is no C compiler (%s) on this machine.", m[1]),
					Hints: []string{
						"set CGO_ENABLED=0 if the app works without C code", "or build on a machine with a C compiler",
					},
				}
			},
		},
		{
			ID: "go/c-library-missing",
			Match: regexp.MustCompile(
				`Package '?([^\s']+)'? was not found in the pkg-config search path|(\S+:\d+):\d+: fatal error: (\S+): No such file or directory|cannot find -l([^\s:]+)|exec: "(pkg-config)": executable file not found`,
			),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place: m[2],
					Summary: fmt.Sprintf(
						"The app's C code needs %s, which is not on this machine.",
						cmp.Or(m[1], m[3], m[4], m[5]),
					),
					Hints: []string{
						"build on a machine with that library's development files", "or set CGO_ENABLED=0 if the app works without C code",
					},
				}
			},
		},
		{
			ID:    "go/no-files",
			Match: regexp.MustCompile(`(?m)(?:package |imports )(\S+): build constraints exclude all Go files`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("Build constraints leave no file of the package %s.", m[1]),
					Hints: []string{
						"check its //go:build lines and file name endings such as _windows.go", "a package that uses cgo has no files where CGO_ENABLED=0 or no C compiler is found",
					},
				}
			},
		},
	}
}

// compilePatterns are what the compiler and the linker say.
func compilePatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{
		{
			ID:    "go/packages-mixed",
			Match: regexp.MustCompile(`(?m)found packages (\w+) \((\S+)\) and (\w+) \((\S+)\) in (\S+)`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place: path.Join(m[5], m[2]),
					Summary: fmt.Sprintf(
						"%s is of package %s and %s, in the same directory, is of package %s.",
						m[2],
						m[1],
						m[4],
						m[3],
					),
					Hints: []string{"move one of them to a directory of its own"},
				}
			},
		},
		{
			ID:    "go/main-redeclared",
			Match: regexp.MustCompile(place + `main redeclared in this block`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place: m[1],
					Summary: fmt.Sprintf(
						"%s declares a second func main in its directory.",
						strings.TrimPrefix(m[1], "./"),
					),
					Hints: []string{
						"move each program to a directory of its own, such as cmd/‹name›", "scripts for `go run` can be left out with a line `//go:build ignore`",
						"or name the packages to compile in go.mod: `// +heroku install ./cmd/web`",
					},
				}
			},
		},
		{
			ID:    "go/out-of-memory",
			Match: regexp.MustCompile(`(?m): signal: killed$`),
			Make: func([]string) *diagnosis.Diagnosis {
				return (&command.Failure{Command: "go build", Status: "signal: killed"}).Unrecognised(unknown)
			},
		},
		{
			ID:    "go/disk-full",
			Match: regexp.MustCompile(`no space left on device`),
			Make: diagnosis.Fixed(diagnosis.Diagnosis{
				Transient: true, Summary: "The disk ran full while the app was being compiled.", Hints: []string{"make room on the build machine"},
			}),
		},
		{
			ID:    "go/compile-failed",
			Match: regexp.MustCompile(place + `(.+)$`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place: m[1],
					Summary: fmt.Sprintf(
						"%s does not compile: %s.",
						strings.TrimPrefix(m[1], "./"),
						strings.TrimSuffix(m[2], "."),
					),
				}
			},
		},
	}
}
