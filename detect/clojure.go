package detect

import (
	"fmt"
	"slices"
	"strings"
)

// ForClojure detects a Clojure app: project.clj (Leiningen) or deps.edn (the Clojure CLI) at the
// root (spec languages.md 5.1). Manifests that can't be read, Leiningen 1 and Java versions that
// can't be read are an [*Error]; Result.App is a [*ClojureApp].
func ForClojure(in Input) (Result, error) {
	s := newScan(in, Clojure)
	hasLein, hasDeps := s.isFile("project.clj"), s.isFile("deps.edn")
	java := s.javaManifest()
	if !hasLein && !hasDeps {
		s.against("project.clj", "no project.clj and no deps.edn")
		if java != "" {
			s.against(java, "found %s: an app of another JVM language", java)
		}
		return s.Result, nil
	}
	app := &ClojureApp{
		JavaManifest: java,
		BinBuild:     s.executable("bin/build"),
		BinLein:      s.executable("bin/lein"),
		ShadowCljs:   s.isFile("shadow-cljs.edn"),
	}
	if java != "" {
		s.warn("%s is beside the Clojure files and plays no part in the build", java)
	}
	if err := s.clojure(app, hasLein, hasDeps); err != nil {
		return s.failed(err)
	}
	s.Pass, s.App = true, app
	return s.Result, nil
}

func (s *scan) javaManifest() string {
	for _, name := range []string{"pom.xml", "build.gradle", "build.gradle.kts"} {
		if s.isFile(name) {
			return name
		}
	}
	return ""
}

func (s *scan) executable(name string) bool {
	_, info := s.stat(name)
	return info != nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func (s *scan) clojure(app *ClojureApp, hasLein, hasDeps bool) (err error) {
	if hasLein {
		s.found("project.clj", "found project.clj")
		if app.Lein, err = s.leinFacts(); err != nil {
			return err
		}
	}
	if hasDeps {
		s.found("deps.edn", "found deps.edn")
		if app.Deps, err = s.depsFacts(); err != nil {
			return err
		}
		if app.Build, err = s.buildFacts(); err != nil {
			return err
		}
	}
	if err := s.clojureTool(app); err != nil {
		return err
	}
	s.clojureNode(app)
	for _, name := range []string{"project.clj", "deps.edn", "build.clj", "shadow-cljs.edn", "profiles.clj",
		"system.properties"} {
		if s.isFile(name) {
			app.Manifests = append(app.Manifests, name)
		}
	}
	slices.Sort(app.Manifests)
	return s.clojureRequires(app)
}

// clojureTool chooses between Leiningen and the CLI: build configuration, then the only manifest;
// of both, Leiningen if project.clj names something to run or pack.
func (s *scan) clojureTool(app *ClojureApp) error {
	asked := strings.TrimSpace(s.env["SLUGC_CLOJURE_TOOL"])
	switch {
	case asked == "lein" || asked == "leiningen" || asked == "cli":
		app.Tool, app.ToolFrom = strings.Replace(asked, "leiningen", "lein", 1), "SLUGC_CLOJURE_TOOL"
		if app.Tool == "lein" {
			app.Tool = "leiningen"
		}
		if app.Tool == "leiningen" && app.Lein == nil || app.Tool == "cli" && app.Deps == nil {
			file := map[string]string{"leiningen": "project.clj", "cli": "deps.edn"}[app.Tool]
			return &Error{
				ID: "clojure/tool-mismatch", Summary: fmt.Sprintf(
					"SLUGC_CLOJURE_TOOL asks for %s and there is no %s", asked, file), Place: "SLUGC_CLOJURE_TOOL",
				Hints: []string{"unset SLUGC_CLOJURE_TOOL, or commit " + file},
			}
		}
	case asked != "":
		return &Error{
			ID: "clojure/tool-unknown", Summary: fmt.Sprintf("SLUGC_CLOJURE_TOOL is %q, which is no Clojure tool",
				asked), Place: "SLUGC_CLOJURE_TOOL",
			Hints: []string{`set it to "lein" or "cli", or unset it`},
		}
	case app.Deps == nil,
		app.Lein != nil && (app.Lein.Main != "" || app.Lein.UberjarName != "" || len(app.Lein.Computed) > 0 && app.Lein.computed(
			":main", ":uberjar-name")):
		app.Tool, app.ToolFrom = "leiningen", "project.clj"
	default:
		app.Tool, app.ToolFrom = "cli", "deps.edn"
	}
	return nil
}

func (f *LeinFacts) computed(keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return slices.Contains(f.Computed, key) })
}

func (s *scan) clojureNode(app *ClojureApp) {
	if app.Lein.HasPlugin("lein-npm") {
		app.NodeFor = append(app.NodeFor, "lein-npm")
	}
	shadow := app.ShadowCljs || app.Lein.HasPlugin("lein-shadow")
	if app.Lein != nil {
		shadow = shadow || slices.Contains(app.Lein.Dependencies, "thheller/shadow-cljs")
	}
	if app.Deps != nil {
		shadow = shadow || slices.Contains(app.Deps.Dependencies, "thheller/shadow-cljs")
		for _, alias := range app.Deps.Aliases {
			shadow = shadow || slices.Contains(alias.Dependencies, "thheller/shadow-cljs")
		}
	}
	if shadow {
		app.NodeFor = append(app.NodeFor, "shadow-cljs")
	}
}

// clojureRequires asks for the JDK and the tool.
func (s *scan) clojureRequires(app *ClojureApp) error {
	jdk, err := s.jdk()
	if err != nil {
		return err
	}
	app.JDK = *jdk
	if jdk.From == "default" && !jdk.Provided {
		s.warn("no Java version is named; add system.properties with java.runtime.version=21 or another")
	}
	var tool Requirement
	var winner *source
	if app.Tool == "leiningen" {
		sources := s.envSource("SLUGC_LEININGEN_VERSION", engineRange)
		minimum, err := s.minLein(app)
		if err != nil {
			return err
		}
		tool, winner = s.choose("leiningen", append(sources, minimum...), npmAgree)
		if winner == nil {
			tool.Constraint = "2.x"
		}
	} else {
		sources := append(s.envSource("SLUGC_CLOJURE_VERSION",
			cliVersion), s.envSource("CLOJURE_CLI_VERSION", cliVersion)...)
		tool, winner = s.choose("clojure", sources, func(a, b source) bool { return false })
	}
	if winner != nil && winner.bad != nil {
		return &Error{
			ID: "clojure/tool-version-invalid", Summary: fmt.Sprintf("%s is %q, which is no version: %v",
				winner.from, winner.text, winner.bad), Place: winner.from,
			Hints: []string{"write a version such as 2.12.0 for Leiningen or 1.12.4.1597 for the Clojure CLI"},
		}
	}
	s.Requires = []Requirement{jdk.Requirement, tool}
	return nil
}
