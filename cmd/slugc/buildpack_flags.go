package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"slugc/buildpacks"
	"slugc/buildpacks/reference"
	"slugc/compiler"
	"slugc/compiler/fault"
	"slugc/detect"
)

// buildpackFlags say which buildpacks build the app, and what those are told.
type buildpackFlags struct {
	buildpacks, bindings []string
	stack                string
}

func (f *buildpackFlags) flags(flags *pflag.FlagSet) {
	f.chooseFlags(flags)
	flags.StringArrayVar(&f.bindings, "binding", nil, "directory of a service binding for buildpacks")
}

// chooseFlags adds the flags that choose buildpacks.
func (f *buildpackFlags) chooseFlags(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&f.buildpacks, "buildpack", "b", nil,
		"use this buildpack: a built-in `REF`, a directory, an archive, a git URL or an image; repeat for several")
	flags.StringVar(&f.stack, "stack", "",
		"STACK for buildpacks that ask for one, such as heroku-24 (default: this machine's distribution)")
}

// apply fills in what the flags say of a build with the configuration env. SLUGC_BUILDPACK there counts if no
// flag names a buildpack; a list of languages in it is for detection.
func (f buildpackFlags) apply(req *compiler.Request, env map[string]string) error {
	names, from := f.buildpacks, "--buildpack"
	if len(names) == 0 && !isLanguages(env["SLUGC_BUILDPACK"]) {
		names, from = strings.FieldsFunc(env["SLUGC_BUILDPACK"], isSeparator), "SLUGC_BUILDPACK"
	}
	here, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("finding the working directory: %w", err)
	}
	for _, name := range names {
		ref, err := reference.Parse(name, here)
		if err != nil {
			return compiler.ReferenceFault(fmt.Errorf("reading %s: %w", from, err))
		}
		req.Buildpacks = append(req.Buildpacks, compiler.Asked{Ref: ref})
	}
	for _, dir := range f.bindings {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return fmt.Errorf("finding %q: %w", dir, err)
		}
		if info, err := os.Stat(filepath.Join(abs, "type")); err != nil || !info.Mode().IsRegular() {
			return fault.UsageError("usage/binding", fmt.Errorf("reading --binding: %q has no file \"type\"", dir),
				"name the directory of one binding: a file for each key, type among them")
		}
		req.Bindings = append(req.Bindings, abs)
	}
	req.Stack = f.stack
	return nil
}

// absolute returns the references with paths that do not depend on the working directory.
func (f buildpackFlags) absolute() (names []string, err error) {
	var req compiler.Request
	if err := f.apply(&req, nil); err != nil {
		return nil, err
	}
	for i, a := range req.Buildpacks {
		name := f.buildpacks[i]
		if _, fragment, ok := strings.Cut(name, "#"); a.Path != "" && ok {
			name = a.Path + "#" + fragment
		} else if a.Path != "" {
			name = a.Path
		}
		names = append(names, name)
	}
	return names, nil
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }

// isLanguages reports whether a value of SLUGC_BUILDPACK is a list of built-in languages, or of words that were
// meant to be.
func isLanguages(list string) bool {
	for name := range strings.FieldsFuncSeq(list, isSeparator) {
		_, known := buildpacks.For(detect.Language(strings.ToLower(name)))
		if !known && strings.ContainsAny(name, "/.:") {
			return false
		}
	}
	return true
}
