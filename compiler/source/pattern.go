package source

import (
	"errors"
	"fmt"
	"strings"

	"slugc/buildpacks/git"
	"slugc/compiler/fault"
)

// pattern is one of Submodules.Allow.
type pattern struct {
	git.Remote
	all bool // any path that starts with remote.path
}

func (p pattern) allows(r git.Remote) bool {
	return p.Scheme == r.Scheme && p.User == r.User && p.Host == r.Host && p.Home == r.Home &&
		(p.Path == r.Path || p.all && strings.HasPrefix(r.Path, p.Path))
}

// CheckPattern returns an error if a pattern of [Submodules] is wrong: a usage fault
// "source/submodule-pattern".
func CheckPattern(text string) error {
	_, err := parsePattern(text)
	return err
}

func parsePattern(text string) (pattern, error) {
	start, all := strings.CutSuffix(text, "*")
	r, err := git.ParseRemote(start)
	if strings.Contains(start, "*") {
		err = errors.New("has a * elsewhere than at the end")
	}
	if err != nil {
		return pattern{}, fault.UsageError(
			"source/submodule-pattern",
			fmt.Errorf("reading the pattern %s for submodules: it %w", git.Shown(text), err),
			"write a URL such as https://example.com/acme/lib.git, or the start of some, with host and first slash, "+
				"and a `*`: https://example.com/acme/*",
		)
	}
	return pattern{r, all}, nil
}
