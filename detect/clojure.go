package detect

import (
	"fmt"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// ForClojure detects a Clojure app: project.clj (Leiningen) or deps.edn (the Clojure CLI) at the
// root. Manifests and versions that can't be parsed and Leiningen 1 are an [*Error]. Result.App is
// a [*ClojureApp].
func ForClojure(in Input) (Result, error) {
	return newScan(in, Clojure).run((*scan).forClojure)
}

func (s *scan) forClojure() (Result, error) {
	hasLein, hasDeps := s.isFile("project.clj"), s.isFile("deps.edn")
	java := s.javaManifest()
	if !hasLein && !hasDeps {
		s.reasonAgainst("project.clj", "no project.clj and no deps.edn")
		if java != "" {
			s.reasonAgainst(java, "found %s: an app of another JVM language", java)
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
		s.warn("%s is ignored: the app is built with its Clojure files", java)
	}
	if err := s.clojure(app, hasLein, hasDeps); err != nil {
		return s.fail(err)
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
		s.reasonFor("project.clj", "found project.clj")
		if app.Lein, err = s.leinFacts(); err != nil {
			return err
		}
	}
	if hasDeps {
		s.reasonFor("deps.edn", "found deps.edn")
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

// clojureTool chooses between Leiningen and the CLI: SLUGC_CLOJURE_TOOL, else the only manifest. If
// there are both, Leiningen is chosen if project.clj has something to run or to pack.
func (s *scan) clojureTool(app *ClojureApp) error {
	configured := strings.TrimSpace(s.env["SLUGC_CLOJURE_TOOL"])
	switch configured {
	case "":
		if app.Deps == nil || app.Lein.builds() {
			app.Tool, app.ToolFrom = "leiningen", "project.clj"
		} else {
			app.Tool, app.ToolFrom = "cli", "deps.edn"
		}
		return nil
	case "lein", "leiningen":
		app.Tool, app.ToolFrom = "leiningen", "SLUGC_CLOJURE_TOOL"
		if app.Lein == nil {
			return toolMismatch(configured, "project.clj")
		}
	case "cli":
		app.Tool, app.ToolFrom = "cli", "SLUGC_CLOJURE_TOOL"
		if app.Deps == nil {
			return toolMismatch(configured, "deps.edn")
		}
	default:
		return &Error{
			ID: "clojure/tool-unknown", Place: "SLUGC_CLOJURE_TOOL",
			Summary: fmt.Sprintf("SLUGC_CLOJURE_TOOL is %q, which is not a Clojure tool", configured),
			Hints:   []string{`set it to "lein" or "cli", or unset it`},
		}
	}
	return nil
}

func toolMismatch(tool, file string) *Error {
	return &Error{
		ID: "clojure/tool-mismatch", Place: "SLUGC_CLOJURE_TOOL",
		Summary: fmt.Sprintf("SLUGC_CLOJURE_TOOL asks for %s and there is no %s", tool, file),
		Hints:   []string{"unset SLUGC_CLOJURE_TOOL, or commit " + file},
	}
}

// builds reports whether project.clj has, or computes, something to run or to pack.
func (f *LeinFacts) builds() bool {
	return f != nil && (f.Main != "" || f.UberjarName != "" || f.computed(":main", ":uberjar-name"))
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

// clojureRequires chooses the versions of the JDK and of the tool.
func (s *scan) clojureRequires(app *ClojureApp) error {
	jdk, err := s.jdk()
	if err != nil {
		return err
	}
	app.JDK = *jdk
	if jdk.From == "default" && !jdk.Provided {
		s.warn("no Java version is named; add system.properties with java.runtime.version=21 or another")
	}
	tool, err := s.clojureToolVersion(app, app.Tool)
	if err != nil {
		return err
	}
	s.Requires = []Requirement{jdk.Requirement, tool}
	if app.Other = s.otherTool(app); app.Other != "" {
		other, err := s.clojureToolVersion(app, app.Other)
		if err != nil {
			return err
		}
		s.Requires = append(s.Requires, other)
	}
	return nil
}

// clojureToolVersion chooses the version of Leiningen or of the CLI.
func (s *scan) clojureToolVersion(app *ClojureApp, name string) (Requirement, error) {
	var tool Requirement
	var winner *source
	if name == "leiningen" {
		sources := s.envSource("SLUGC_LEININGEN_VERSION", parseNPMRange)
		minimum, err := s.minLein(app)
		if err != nil {
			return Requirement{}, err
		}
		tool, winner = s.choose("leiningen", append(sources, minimum...), npmCompatible)
		if winner == nil {
			tool.Constraint = "2.x"
		}
	} else {
		sources := s.envSource("SLUGC_CLOJURE_VERSION", parseCLIVersion)
		sources = append(sources, s.envSource("CLOJURE_CLI_VERSION", parseCLIVersion)...)
		tool, winner = s.choose("clojure", sources, func(a, b source) bool { return false })
	}
	if winner != nil && winner.bad != nil {
		return Requirement{}, winner.invalid("clojure/tool-version-invalid", "a version",
			"write a version such as 2.12.0 for Leiningen or 1.12.4.1597 for the Clojure CLI")
	}
	return tool, nil
}

// Commands of the two tools, as build scripts and Procfiles call them.
var (
	callsLein    = lazyregexp.New(`\blein\s`)
	callsClojure = lazyregexp.New(`(?:^|[\s;&|("'/])(?:clj|clojure)\s`)
)

// otherTool returns the tool that does not build an app with both manifests, if what builds or starts the app
// may call it; else "".
func (s *scan) otherTool(app *ClojureApp) string {
	if app.Lein == nil || app.Deps == nil {
		return ""
	}
	other, calls := "clojure", callsClojure
	if app.Tool == "cli" {
		other, calls = "leiningen", callsLein
	}
	text := s.env["BUILD_COMMAND"] + " \n" + s.env["LEIN_BUILD_TASK"] + " \n"
	for _, file := range []string{"Procfile", "bin/build"} {
		if s.isFile(file) {
			content, _, err := s.read(file)
			if err == nil {
				text += string(content) + " \n"
			}
		}
	}
	if calls.MatchString(text) || app.BinBuild || app.Lein.HasPlugin("lein-tools-deps") {
		return other
	}
	return ""
}
