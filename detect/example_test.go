package detect_test

import (
	"errors"
	"fmt"
	"testing/fstest"

	"slugc/detect"
)

// railsApp has a package.json, too: Node builds its assets.
var railsApp = fstest.MapFS{
	"Gemfile":      {Data: []byte("ruby \"~> 3.3\"\n")},
	"Gemfile.lock": {Data: []byte("GEM\n  specs:\n    rails (8.0.1)\n\nBUNDLED WITH\n   2.5.23\n")},
	"package.json": {Data: []byte(`{"engines": {"node": "22.x"}}`)},
}

func ExampleAll() {
	for _, v := range detect.All(detect.Input{FS: railsApp}) {
		fmt.Println(v.Language, v.Pass, v.Reasons[0].Text)
	}
	// Output:
	// ruby true found Gemfile
	// go false no go.mod and no go.work
	// clojure false no project.clj and no deps.edn
	// node true found package.json
}

func ExampleGroup() {
	in := detect.Input{FS: railsApp}
	group, err := detect.Group(in, detect.All(in))
	if err != nil {
		fmt.Println(err)
	}
	for _, result := range group {
		for _, r := range result.Requires {
			fmt.Printf("%s: %s %s (%s)\n", result.Language, r.Tool, r.Constraint, r.From)
		}
	}
	// Output:
	// node: node 22.x (package.json engines.node)
	// ruby: ruby ~> 3.3 (Gemfile ruby)
	// ruby: bundler 2.5.23 (Gemfile.lock BUNDLED WITH)
}

// A tree that no detector passes is a [detect.NoMatch], which says what to look at.
func ExampleNoMatch() {
	in := detect.Input{FS: fstest.MapFS{"backend/go.mod": {Data: []byte("module example.com/shop\n")}}}
	_, err := detect.Group(in, detect.All(in))
	if none, ok := errors.AsType[*detect.NoMatch](err); ok {
		fmt.Println(none.Checks[0].Found[0])
	}
	// Output: found backend/go.mod (go): build with --subdir backend
}
