package detect

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Verdict is one detector's Result, and the error that kept it from passing (an [*Error] where the
// app is at fault).
type Verdict struct {
	Result
	Err error
}

// detectors are in the order in which a primary language is chosen.
var detectors = []struct {
	language Language
	detect   func(Input) (Result, error)
}{{Ruby, ForRuby}, {Go, ForGo}, {Clojure, ForClojure}, {Node, ForNode}}

// All runs all detectors concurrently and returns their verdicts in the order Ruby, Go, Clojure,
// Node.
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

// Group chooses from the verdicts of [All] the languages that build the tree. The primary language,
// which declares the app's processes, is the last; the languages that assist it come first.
//
// SLUGC_BUILDPACK in in.Env ("node", or "ruby,node") chooses exactly the languages it names: the
// first that is not Node is primary, or Node if it is alone. Without it, the primary is the first
// of Ruby, Go, Clojure and Node that passes; Node assists another primary (NodeApp.Assisting) if
// there is a package.json or if the primary's build needs Node. If the tree of a chosen language is
// broken, or the machine kept any detector from reading it, Group returns that detector's error. If no
// detector passes, the error is a [*NoMatch].
func Group(in Input, verdicts []Verdict) (chosen []Result, err error) {
	for _, v := range verdicts {
		if isTrouble(v.Err) {
			return nil, v.Err // whether the tree is of that language can't be known
		}
	}
	if names := strings.TrimSpace(in.Env["SLUGC_BUILDPACK"]); names != "" {
		return groupNamed(names, verdicts)
	}
	primary := choosePrimary(verdicts)
	if primary == nil {
		return nil, noMatch(in, verdicts)
	}
	if primary.Err != nil {
		return nil, primary.Err
	}
	if primary.Language != Node {
		assistant, err := assistingNode(in, primary, Find(verdicts, Node))
		if err != nil {
			return nil, err
		}
		if assistant != nil {
			chosen = append(chosen, *assistant)
		}
	}
	return append(chosen, primary.Result), nil
}

// choosePrimary returns the first language that passes or is broken; a language that is broken and
// has only weak signs comes after all others.
func choosePrimary(verdicts []Verdict) *Verdict {
	var weak *Verdict
	for _, d := range detectors {
		v := Find(verdicts, d.language)
		switch {
		case v == nil || !v.Pass && v.Err == nil:
		case v.Err == nil:
			return v
		default:
			if e, ok := v.Err.(*Error); !ok || !e.Weak {
				return v
			}
			if weak == nil {
				weak = v
			}
		}
	}
	return weak
}

// Find returns the verdict about a language, nil if there is none.
func Find(verdicts []Verdict, language Language) *Verdict {
	for i := range verdicts {
		if verdicts[i].Language == language {
			return &verdicts[i]
		}
	}
	return nil
}

// assistingNode returns Node's result beside another primary: its own verdict if there is a
// package.json, the default Node if the primary's gems or plugins need one, else nil.
func assistingNode(in Input, primary, node *Verdict) (*Result, error) {
	if node != nil && node.Err != nil {
		return nil, node.Err
	}
	if node != nil && node.Pass {
		assistant := Assisting(node.Result)
		return &assistant, nil
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

// Assisting returns Node's result as that of a language that assists another one, which declares the processes.
// A result of any other language stays as it is.
func Assisting(result Result) Result {
	if app, ok := result.App.(*NodeApp); ok {
		assistant := *app
		assistant.Assisting, assistant.Framework = true, nil
		result.App = &assistant
		isServer := func(r Requirement) bool { return r.Tool == staticServer }
		result.Requires = slices.DeleteFunc(slices.Clone(result.Requires), isServer)
	}
	return result
}

// groupNamed chooses the languages that SLUGC_BUILDPACK names.
func groupNamed(names string, verdicts []Verdict) ([]Result, error) {
	languages, err := parseLanguages(names, verdicts)
	if err != nil {
		return nil, err
	}
	primary := max(0, slices.IndexFunc(languages, func(l Language) bool { return l != Node }))
	last := languages[primary]
	languages = append(slices.Delete(languages, primary, primary+1), last)
	// The primary and the other languages may use Node, so Node comes first.
	if at := slices.Index(languages[:len(languages)-1], Node); at > 0 {
		languages = slices.Insert(slices.Delete(languages, at, at+1), 0, Node)
	}
	var chosen []Result
	for _, language := range languages {
		v := Find(verdicts, language)
		switch {
		case v.Err != nil:
			return nil, v.Err
		case !v.Pass:
			return nil, mismatch(names, v.Result)
		case language == Node && language != last:
			chosen = append(chosen, Assisting(v.Result))
		default:
			chosen = append(chosen, v.Result)
		}
	}
	return chosen, nil
}

// parseLanguages reads a list such as "ruby,node". Every language must have a verdict and may be
// named once.
func parseLanguages(names string, verdicts []Verdict) ([]Language, error) {
	var languages []Language
	for name := range strings.SplitSeq(names, ",") {
		language := Language(strings.ToLower(strings.TrimSpace(name)))
		if Find(verdicts, language) == nil || slices.Contains(languages, language) {
			return nil, (&Error{
				ID: "detect/buildpack-unknown", Place: "SLUGC_BUILDPACK",
				Summary: fmt.Sprintf("SLUGC_BUILDPACK is %q, which is not a list of languages", names),
				Hints:   []string{`name ruby, go, clojure or node once each, separated by commas, such as "ruby,node"`},
			}).Cleaned()
		}
		languages = append(languages, language)
	}
	return languages, nil
}

func mismatch(names string, r Result) *Error {
	var against []string
	for _, reason := range r.Reasons {
		if !reason.For {
			against = append(against, reason.Text)
		}
	}
	return (&Error{
		ID: "detect/buildpack-mismatch", Place: "SLUGC_BUILDPACK",
		Summary: fmt.Sprintf("SLUGC_BUILDPACK asks for %s and the app is not one: %s", r.Language,
			strings.Join(against, "; ")),
		Hints: []string{fmt.Sprintf("commit what is missing, or unset SLUGC_BUILDPACK (it is %q)", names)},
	}).Cleaned()
}
