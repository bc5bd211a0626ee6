package detect

// ClojureApp is what the Clojure detector learnt of an app.
type ClojureApp struct {
	Tool         string      // "leiningen" or "cli" (the clojure command, deps.edn)
	ToolFrom     string      // why: "project.clj", "deps.edn", "SLUGC_CLOJURE_TOOL"
	JDK          JDK         // the Java it asks for
	BinBuild     bool        // an executable bin/build decides how the app is built
	BinLein      bool        // an executable bin/lein is vendored and used in place of an installed Leiningen
	ShadowCljs   bool        // shadow-cljs.edn exists
	NodeFor      []string    // what needs Node at build time: "lein-npm", "shadow-cljs"
	Lein         *LeinFacts  // project.clj; nil where there is none
	Deps         *DepsFacts  // deps.edn; nil where there is none
	Build        *BuildFacts // build.clj; nil where there is none
	JavaManifest string      // pom.xml or build.gradle beside the Clojure manifest; "" where there is none
	Manifests    []string    // every file that decides what is downloaded, sorted
}

// LeinFacts are read from project.clj as data. A value that project.clj computes (~(…), #=(…)) is
// left empty and its key listed in Computed.
type LeinFacts struct {
	Name, Version  string // "acme/shop", "0.1.0-SNAPSHOT"
	MinLeinVersion string // ":min-lein-version"; "" where absent
	// [:profiles :uberjar :uberjar-name], else :uberjar-name: the name `lein uberjar` gives the jar
	UberjarName  string
	Main         string   // :main, "shop.core"; "" where absent or nil
	TargetPath   string   // :target-path, "target/%s"; "" for Leiningen's default
	Plugins      []string // names, "lein-ring"
	Dependencies []string // names, "org.clojure/clojure"
	Profiles     []string // keys without colon, "uberjar"
	Aliases      []string // names
	Computed     []string // keys whose value is computed, ":version"
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
	ExecFn       string   // :exec-fn, "shop.core/run"; without a namespace it is one of NsDefault
	ExecArgs     bool     // it has :exec-args, a map that :exec-fn is called with
	JVMOpts      []string // :jvm-opts, "-Xss2m"
	NsDefault    string   // :ns-default, "build" of a tool alias
	Dependencies []string // names of :deps, :extra-deps and :replace-deps
}

// BuildFacts are read from build.clj.
type BuildFacts struct {
	Functions []string // public functions defined at the top, "uber"
}

// HasPlugin reports whether project.clj lists a plugin.
func (f *LeinFacts) HasPlugin(name string) bool {
	if f == nil {
		return false
	}
	for _, plugin := range f.Plugins {
		if plugin == name {
			return true
		}
	}
	return false
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
