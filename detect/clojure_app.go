package detect

import "slices"

// ClojureApp holds the facts of a Clojure app.
type ClojureApp struct {
	Tool         string      // "leiningen" or "cli" (the clojure command, deps.edn)
	ToolFrom     string      // why: "project.clj", "deps.edn", "SLUGC_CLOJURE_TOOL"
	Other        string      // "leiningen" or "clojure": what the build or the Procfile calls besides; "" for none
	JDK          JDK         // the Java it requires
	BinBuild     bool        // an executable bin/build builds the app
	BinLein      bool        // an executable bin/lein replaces the installed Leiningen
	ShadowCljs   bool        // shadow-cljs.edn exists
	NodeFor      []string    // what needs Node at build time: "lein-npm", "shadow-cljs"
	Lein         *LeinFacts  // of project.clj; nil if there is none
	Deps         *DepsFacts  // of deps.edn; nil if there is none
	Build        *BuildFacts // of build.clj; nil if there is none
	JavaManifest string      // pom.xml or build.gradle beside the Clojure manifest; "" if there is none
	Manifests    []string    // all files that determine what is downloaded, sorted
}

// LeinFacts are read from project.clj, which is parsed and not evaluated. A value that project.clj
// computes, ~(…) or #=(…), is left empty, and Computed lists its key. So is one that depends on which
// of several calls of defproject Leiningen evaluates. Of a project that other code defines, such as
// (load-file …), all are computed.
type LeinFacts struct {
	Name, Version  string // "acme/shop", "0.1.0-SNAPSHOT"
	MinLeinVersion string // ":min-lein-version"; "" if absent
	// UberjarName is the name of the jar that `lein uberjar` writes: [:profiles :uberjar
	// :uberjar-name], else :uberjar-name.
	UberjarName  string
	Main         string   // :main, "shop.core"; "" if absent or nil
	TargetPath   string   // :target-path, "target/%s"; "" for Leiningen's default
	Plugins      []string // names, "lein-ring"
	Dependencies []string // names, "org.clojure/clojure"
	Profiles     []string // keys without colon, "uberjar"
	Aliases      []string // names
	Computed     []string // keys of computed values, ":version"
}

// DepsFacts are read from deps.edn.
type DepsFacts struct {
	Paths        []string
	Dependencies []string             // names of :deps
	Aliases      map[string]DepsAlias // by name without colon
}

// DepsAlias is one alias of deps.edn.
type DepsAlias struct {
	MainOpts     []string // :main-opts, "-m" "shop.core"
	ExecFn       string   // :exec-fn, "shop.core/run"; without a namespace, in that of NsDefault
	ExecArgs     bool     // there is :exec-args, the map that :exec-fn is called with
	JVMOpts      []string // :jvm-opts, "-Xss2m"
	NsDefault    string   // :ns-default, "build" of a tool alias
	Dependencies []string // names of :deps, :extra-deps and :replace-deps
}

// BuildFacts are read from build.clj.
type BuildFacts struct {
	Functions []string // public functions at the top level, "uber"
}

// HasPlugin reports whether project.clj lists a plugin; f may be nil.
func (f *LeinFacts) HasPlugin(name string) bool {
	return f != nil && slices.Contains(f.Plugins, name)
}

func (a *ClojureApp) nodeReasons() []Reason {
	var reasons []Reason
	for _, tool := range a.NodeFor {
		file := "project.clj"
		if tool == "shadow-cljs" && a.ShadowCljs {
			file = "shadow-cljs.edn"
		} else if a.Lein == nil {
			file = "deps.edn"
		}
		reasons = append(reasons, Reason{For: true, Text: tool + " needs Node", File: file})
	}
	return reasons
}
