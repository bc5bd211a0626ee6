package detect

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Verdict is what one detector said of a tree: a Result, and the error that kept it from passing
// (an [*Error] where the app is at fault).
type Verdict struct {
	Result
	Err error
}

// detectors stand in the order in which a primary language is chosen.
var detectors = []struct {
	language Language
	detect   func(Input) (Result, error)
}{{Ruby, ForRuby}, {Go, ForGo}, {Clojure, ForClojure}, {Node, ForNode}}

// All runs the four detectors at the same time and gives their verdicts in the order Ruby, Go,
// Clojure, Node.
func All(in Input) []Verdict {
	verdicts := make([]Verdict, len(detectors))
	var all sync.WaitGroup
	for i, d := range detectors {
		all.Go(func() {
			result, err := d.detect(in)
			verdicts[i] = Verdict{Result: result, Err: err}
		})
	}
	all.Wait()
	return verdicts
}

// Group chooses from All's verdicts the languages that build the tree, assistants first and the
// primary last (spec languages.md 1.1).
//
// SLUGC_BUILDPACK in in.Env ("node", or "ruby,node") chooses exactly the languages it names: the
// first that is not Node is primary, or Node if it is alone. Otherwise Ruby goes before Go before
// Clojure before Node, and Node assists another language (NodeApp.Assisting) where there is a
// package.json or the primary's build calls for Node. A broken tree of a chosen language is that
// detector's error. Where nothing passes, the error is a [*NoMatch].
func Group(in Input, verdicts []Verdict) (chosen []Result, err error) {
	if asked := strings.TrimSpace(in.Env["SLUGC_BUILDPACK"]); asked != "" {
		return explicit(asked, verdicts)
	}
	primary := choosePrimary(verdicts)
	if primary == nil {
		return nil, noMatch(in, verdicts)
	}
	if primary.Err != nil {
		return nil, primary.Err
	}
	if primary.Language != Node {
		assistant, err := assistingNode(in, primary, find(verdicts, Node))
		if err != nil {
			return nil, err
		}
		if assistant != nil {
			chosen = append(chosen, *assistant)
		}
	}
	return append(chosen, primary.Result), nil
}

// choosePrimary takes the first language that passes or is broken. A broken one of which there are
// only faint signs yields to any that passes, and to any that is plainly there.
func choosePrimary(verdicts []Verdict) *Verdict {
	var faint *Verdict
	for _, d := range detectors {
		v := find(verdicts, d.language)
		switch {
		case v == nil || !v.Pass && v.Err == nil:
		case v.Err == nil:
			return v
		default:
			if e, ok := v.Err.(*Error); !ok || !e.Faint {
				return v
			}
			if faint == nil {
				faint = v
			}
		}
	}
	return faint
}

func find(verdicts []Verdict, language Language) *Verdict {
	for i := range verdicts {
		if verdicts[i].Language == language {
			return &verdicts[i]
		}
	}
	return nil
}

// assistingNode gives Node's part beside another primary: its own verdict where there is a
// package.json, a plain Node where the primary's gems or plugins need one, nil where neither.
func assistingNode(in Input, primary, node *Verdict) (*Result, error) {
	if node != nil && node.Err != nil {
		return nil, node.Err
	}
	if node != nil && node.Pass {
		return assisting(node.Result), nil
	}
	needs, ok := primary.App.(interface{ nodeReasons() []Reason })
	if !ok {
		return nil, nil
	}
	reasons := needs.nodeReasons()
	if len(reasons) == 0 {
		return nil, nil
	}
	result, err := nodeForTools(in, reasons)
	return &result, err
}

// assisting copies a Result, so that the verdict it came from stays as it was.
func assisting(result Result) *Result {
	if app, ok := result.App.(*NodeApp); ok {
		assistant := *app
		assistant.Assisting = true
		result.App = &assistant
	}
	return &result
}

// explicit obeys SLUGC_BUILDPACK.
func explicit(asked string, verdicts []Verdict) ([]Result, error) {
	var languages []Language
	for name := range strings.SplitSeq(asked, ",") {
		language := Language(strings.ToLower(strings.TrimSpace(name)))
		if find(verdicts, language) == nil || slices.Contains(languages, language) {
			return nil, (&Error{
				ID: "detect/buildpack-unknown", Summary: fmt.Sprintf(
					"SLUGC_BUILDPACK is %q, which is no list of languages", asked), Place: "SLUGC_BUILDPACK",
				Hints: []string{`name ruby, go, clojure or node once each, separated by commas, such as "ruby,node"`},
			}).cleaned()
		}
		languages = append(languages, language)
	}
	primary := max(0, slices.IndexFunc(languages, func(l Language) bool { return l != Node }))
	last := languages[primary]
	languages = append(slices.Delete(languages, primary, primary+1), last)
	// Node is wanted before whoever uses it.
	slices.SortStableFunc(languages[:len(languages)-1], func(a, b Language) int { return rank(a) - rank(b) })
	var chosen []Result
	for _, language := range languages {
		v := find(verdicts, language)
		switch {
		case v.Err != nil:
			return nil, v.Err
		case !v.Pass:
			return nil, mismatch(asked, v.Result)
		case language == Node && language != last:
			chosen = append(chosen, *assisting(v.Result))
		default:
			chosen = append(chosen, v.Result)
		}
	}
	return chosen, nil
}

func rank(l Language) int {
	if l == Node {
		return 0
	}
	return 1
}

func mismatch(asked string, r Result) *Error {
	var against []string
	for _, reason := range r.Reasons {
		if !reason.For {
			against = append(against, reason.Text)
		}
	}
	return (&Error{
		ID: "detect/buildpack-mismatch", Summary: fmt.Sprintf(
			"SLUGC_BUILDPACK asks for %s and the app is not one: %s", r.Language,
			strings.Join(against, "; ")), Place: "SLUGC_BUILDPACK",
		Hints: []string{fmt.Sprintf("commit what is missing, or unset SLUGC_BUILDPACK (it is %q)", asked)},
	}).cleaned()
}
