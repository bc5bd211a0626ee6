package launch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"slugc/compiler/abi"
	"slugc/compiler/fault"
)

// maxProblems is how many things that a machine lacks an error lists.
const maxProblems = 3

// CheckMachine compares what a slug's record, which may be nil, says that its programs need with this machine. It
// returns a fault "launch/not-loadable" if a process of the types could not start; env are the variables of
// processes, K=V. What the machine lacks for something else in the slug, which may never be loaded, is a warning, ""
// for none.
func CheckMachine(r *abi.Record, types, env []string) (warning string, err error) {
	return checkHost(abi.This(env), r, types)
}

func checkHost(host abi.Host, r *abi.Record, types []string) (warning string, err error) {
	problems := host.Check(r, types)
	if len(problems) == 0 {
		return "", nil
	}
	stops := slices.IndexFunc(problems, func(p abi.Problem) bool { return !p.Stops })
	if stops < 0 {
		stops = len(problems)
	}
	if stops > 0 {
		problems = problems[:stops]
	}
	var texts, hints []string
	for _, p := range problems[:min(len(problems), maxProblems)] {
		texts = append(texts, describe(p))
		if hint := advise(p, r.Libc); !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	if more := len(problems) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	text := strings.Join(texts, "; ")
	if stops == 0 {
		return "Part of the slug cannot be loaded on this machine, if it is used: " + text + ".", nil
	}
	hints = append(hints, "or, if you know better, start it with SLUGC_ABI=warn in the environment")
	return "", fault.New(fault.Slugc, fault.ExitLaunch, "launch/not-loadable",
		fmt.Errorf("running the slug on this machine: %w", errors.New(text)), hints...)
}

// describe says what a machine lacks.
func describe(p abi.Problem) string {
	switch p.Kind {
	case abi.Arch:
		return fmt.Sprintf("%s is a program for %s, this machine is %s", p.File, p.Name, p.Has)
	case abi.Interpreter:
		return fmt.Sprintf("%s is to be loaded by %s, which is not here", p.File, p.Name)
	case abi.Symbols:
		return fmt.Sprintf("%s needs %s, this machine has %s", p.File, p.Name, p.Has)
	}
	return fmt.Sprintf("%s needs the library %s, which is not here", p.File, p.Name)
}

// libcs says which systems have a C library.
var libcs = map[string]string{
	abi.Glibc: "it was built for glibc: run it on Debian, Ubuntu, Fedora or another system that has it",
	abi.Musl:  "it was built for musl: run it on Alpine Linux or another system that has it",
}

// advise says what to do about it.
func advise(p abi.Problem, libc string) string {
	switch p.Kind {
	case abi.Arch:
		return "run it on a machine of that kind, or build it on one like this"
	case abi.Interpreter:
		if hint := libcs[libc]; hint != "" {
			return hint
		}
	case abi.Symbols:
		return "run it on a system that is as new as the one that built it, or build it on one as old as this"
	}
	return "install the package that has " + p.Name
}
