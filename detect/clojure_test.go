package detect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/detect"
)

// lein makes a tree with a project.clj of these keys, a Java version, and more files as name,
// content pairs.
func lein(keys string, more ...string) files {
	return files{
		"project.clj":       "(defproject shop \"0.1.0\"\n  " + keys + ")\n",
		"system.properties": "java.runtime.version=21\n",
	}.with(more...)
}

const (
	jdk21         = "jdk 21 from system.properties"
	lein2min      = `:min-lein-version "2.0.0" `
	lein2         = "leiningen >=2.0.0 <3 from project.clj :min-lein-version"
	cli           = "clojure  from default"
	noJavaVersion = "no Java version is named; add system.properties with java.runtime.version=21 or another"
)

var clojureRows = []row{
	{"nothing", files{}, nil, want{reasons: []string{"-no project.clj and no deps.edn"}}},
	{"Maven", files{"pom.xml": ""}, nil,
		want{reasons: []string{"-no project.clj and no deps.edn", "-found pom.xml: an app of another JVM language"}}},
	{"build.clj alone", files{"build.clj": ""}, nil, want{}},
	{"wrong case", files{"Project.clj": ""}, nil, want{}},
	{"Leiningen 2", lein(lein2min), nil,
		want{pass: true, requires: []string{jdk21, lein2}, reasons: []string{"found project.clj"}}},
	{"byte order mark and CRLF",
		files{"project.clj": "\ufeff(defproject shop \"1\"\r\n  :min-lein-version \"2.0.0\")\r\n",
			"system.properties": "\ufeffjava.runtime.version = 21\r\n"}, nil, ok(jdk21, lein2)},
	{"no :min-lein-version", lein(""), nil,
		warned(jdk21+"; leiningen 2.x from default",
			"project.clj has no :min-lein-version; using Leiningen 2.x: add :min-lein-version \"2.0.0\"")},
	{"Leiningen 1", lein(`:min-lein-version "1.7.1"`), nil,
		fails("clojure/leiningen-1 at project.clj :min-lein-version")},
	{"computed minimum", lein(`:min-lein-version ~(str 2)`), nil, ok(jdk21, "leiningen 2.x from default")},
	{"odd minimum", lein(`:min-lein-version "two"`), nil,
		fails("clojure/tool-version-invalid at project.clj :min-lein-version")},
	{"configured Leiningen", lein(lein2min), env{"SLUGC_LEININGEN_VERSION": "2.11.2"},
		ok(jdk21, "leiningen =2.11.2 from SLUGC_LEININGEN_VERSION")},
	{"configured Leiningen, too old", lein(`:min-lein-version "2.10.0"`), env{"SLUGC_LEININGEN_VERSION": "2.9.0"},
		warned(jdk21+"; leiningen =2.9.0 from SLUGC_LEININGEN_VERSION",
			"SLUGC_LEININGEN_VERSION asks for 2.9.0 and project.clj :min-lein-version says 2.10.0; "+
				"using SLUGC_LEININGEN_VERSION")},
	{"unbalanced", files{"project.clj": "(defproject shop \"1\"\n  :plugins [[a \"1\")\n"}, nil,
		fails("clojure/project-clj-malformed at project.clj:2")},
	{"unfinished", files{"project.clj": "(defproject shop \"1\"\n  :x [\n"}, nil,
		fails("clojure/project-clj-malformed at project.clj:3")},
	{"no defproject", files{"project.clj": "(ns x)"}, nil, fails("clojure/project-clj-malformed at project.clj:1")},
	{"no name", files{"project.clj": "(defproject)"}, nil, fails("clojure/project-clj-malformed at project.clj:1")},
	{"key without value", files{"project.clj": "(defproject a \"1\" :main)"}, nil,
		fails("clojure/project-clj-malformed at project.clj:1")},
	{"definitions before defproject",
		files{"project.clj": "(def v \"1\")\n(defproject a ~v :min-lein-version \"2.0.0\")",
			"system.properties": "java.runtime.version=21"}, nil, ok(jdk21, lein2)},
	{"a let around defproject", files{"project.clj": "(let [v \"1\"]\n  (defproject a ~v :min-lein-version \"2.0.0\"))",
		"system.properties": "java.runtime.version=21"}, nil, ok(jdk21, lein2)},
	{"an if around two", files{"project.clj": `(if (System/getenv "X") (defproject a "1" :min-lein-version "2.0.0")
		(leiningen.core.project/defproject a "1" :min-lein-version "2.9.0"))`,
		"system.properties": "java.runtime.version=21"}, nil, ok(jdk21, "leiningen 2.x from default")},
	{"a reader conditional", files{"project.clj": `#?(:clj (defproject a "1" :min-lein-version "2.0.0"))`,
		"system.properties": "java.runtime.version=21"}, nil, ok(jdk21, lein2)},
	{"a spliced key", lein(lein2min + `#?@(:clj [:main a.b])`), nil, ok(jdk21, "leiningen 2.x from default")},
	{"a computed name", files{"project.clj": `(defproject ~(symbol "a") "1" :min-lein-version "2.0.0")`,
		"system.properties": "java.runtime.version=21"}, nil, ok(jdk21, lein2)},
	{"a project of another file", files{"project.clj": `(load-file "common/project.clj")`,
		"system.properties": "java.runtime.version=21"}, nil, ok(jdk21, "leiningen 2.x from default")},
	{"a project of a macro", files{"project.clj": `(require 'acme.lein) (acme.lein/defproject-with a "1")`,
		"system.properties": "java.runtime.version=21"}, nil, ok(jdk21, "leiningen 2.x from default")},
	{"a quoted defproject", files{"project.clj": "(comment (defproject a \"1\")) '(defproject b \"1\")\n" +
		"(defproject a \"1\" :min-lein-version \"2.0.0\")", "system.properties": "java.runtime.version=21"}, nil,
		ok(jdk21, lein2)},
	{"everything the reader meets",
		lein(lein2min + `:jvm-opts ^:replace ["-Xmx1g"] :x #"a(\"" :y #(inc %) :z 'q ` +
			`#_ :gone #_ 1 :c \( :e #=(eval 1)`),
		nil, ok(jdk21, lein2)},
	{"deps.edn", files{"deps.edn": "{:deps {}}", "system.properties": "java.runtime.version=21"}, nil,
		want{pass: true, requires: []string{jdk21, cli}, reasons: []string{"found deps.edn"}}},
	{"deps.edn with metadata and tags",
		files{"deps.edn": "^:x {:a #inst \"2026-01-01\" #:mvn{:b 1} 2}",
			"system.properties": "java.runtime.version=21"}, nil, ok(jdk21, cli)},
	{"deps.edn malformed", files{"deps.edn": "{:deps\n [}"}, nil,
		fails("clojure/deps-edn-malformed at deps.edn:2")},
	{"deps.edn no map", files{"deps.edn": "[]"}, nil, fails("clojure/deps-edn-malformed at deps.edn:1")},
	{"deps.edn odd", files{"deps.edn": "{:a}"}, nil, fails("clojure/deps-edn-malformed at deps.edn:1")},
	{"build.clj malformed", files{"deps.edn": "{}", "build.clj": "(ns build)\n(defn uber ["}, nil,
		fails("clojure/build-clj-malformed at build.clj:2")},
	{"configured CLI", files{"deps.edn": "{}", "system.properties": "java.runtime.version=21"},
		env{"CLOJURE_CLI_VERSION": "1.12.4.1597"}, ok(jdk21, "clojure =1.12.4.1597 from CLOJURE_CLI_VERSION")},
	{"configured CLI invalid", files{"deps.edn": "{}"}, env{"SLUGC_CLOJURE_VERSION": "new"},
		want{err: "clojure/tool-version-invalid at SLUGC_CLOJURE_VERSION", warnings: []string{noJavaVersion}}},
	{"both, nothing to pack: CLI", lein(lein2min, "deps.edn", "{}"), nil, ok(jdk21, cli)},
	{"both, :main: Leiningen", lein(lein2min+":main shop.core", "deps.edn", "{}"), nil, ok(jdk21, lein2)},
	{"both, :uberjar-name: Leiningen",
		lein(lein2min+`:profiles {:uberjar {:uberjar-name "s.jar"}}`, "deps.edn", "{}"), nil, ok(jdk21, lein2)},
	{"both, and a Procfile that calls the CLI",
		lein(
			lein2min+":main shop.core",
			"deps.edn",
			"{}",
			"Procfile",
			"web: exec clojure -M:run\n",
		), nil, ok(jdk21, lein2, cli)},
	{"both, and a build that calls the CLI", lein(lein2min+":main shop.core", "deps.edn", "{}"),
		env{"BUILD_COMMAND": "clj -T:build uber"}, ok(jdk21, lein2, cli)},
	{"both, and a plugin that calls the CLI",
		lein(
			lein2min+`:main shop.core :plugins [[lein-tools-deps "0.4.5"]]`,
			"deps.edn",
			"{}",
		), nil, ok(jdk21, lein2, cli)},
	{"both, and a build that calls Leiningen", lein(lein2min, "deps.edn", "{}"),
		env{"BUILD_COMMAND": "lein cljsbuild once && clojure -T:build uber"}, ok(jdk21, cli, lein2)},
	{"both, configured", lein(lein2min+":main shop.core", "deps.edn", "{}"), env{"SLUGC_CLOJURE_TOOL": "cli"},
		ok(jdk21, cli)},
	{"configured tool without its file", lein(lein2min), env{"SLUGC_CLOJURE_TOOL": "cli"},
		fails("clojure/tool-mismatch at SLUGC_CLOJURE_TOOL")},
	{"configured tool unknown", lein(lein2min), env{"SLUGC_CLOJURE_TOOL": "boot"},
		fails("clojure/tool-unknown at SLUGC_CLOJURE_TOOL")},
	{"pom.xml beside", lein(lein2min, "pom.xml", ""), nil,
		warned(jdk21+"; "+lein2, "pom.xml is ignored: the app is built with its Clojure files")},
}

func TestClojure(t *testing.T) { check(t, detect.ForClojure, clojureRows) }

// clojureApp has every file that the detector reads.
var clojureApp = files{
	"project.clj": `(defproject acme/shop "0.1.0-SNAPSHOT"
  :description "x"
  :dependencies [[org.clojure/clojure "1.12.0"] [thheller/shadow-cljs "2.28.0"]]
  :plugins [[lein-ring "0.12.6"] [lein-npm "0.6.2"]]
  :main ^:skip-aot acme.shop
  :target-path "target/%s"
  :uberjar-name "plain.jar"
  :min-lein-version "2.9.0"
  :repl-options ~(hash-map)
  :aliases {"all" ["do"]}
  :profiles {:dev {} :uberjar {:aot :all :uberjar-name "shop.jar"}})`,
	"deps.edn": `{:paths ["src" "resources"]
  :deps {org.clojure/clojure {:mvn/version "1.12.0"}}
  :aliases
  {:build {:deps {io.github.clojure/tools.build {:git/tag "v0.10.0"}} :ns-default build}
   :run {:main-opts ["-m" "acme.shop"] :jvm-opts ["-Xss2m"]}
   :uberjar {:exec-fn hf/uberjar :exec-args {:jar "x.jar"} :extra-deps {a/b {}}}}}`,
	"build.clj":         "(ns build)\n(def x 1)\n(defn ^:export clean [_])\n(defn uber \"doc\" [_])\n(defn- hidden [])",
	"shadow-cljs.edn":   "{}",
	"system.properties": "java.runtime.version=zulu-21",
}

func TestClojureApp(t *testing.T) {
	checkApp(t, detect.ForClojure, clojureApp, &detect.ClojureApp{
		Tool: "leiningen", ToolFrom: "project.clj", ShadowCljs: true, NodeFor: []string{"lein-npm", "shadow-cljs"},
		JDK: detect.JDK{
			Requirement:  detect.Requirement{Tool: "jdk", Constraint: "21", From: "system.properties"},
			Distribution: "zulu",
		},
		Lein: &detect.LeinFacts{
			Name: "acme/shop", Version: "0.1.0-SNAPSHOT", MinLeinVersion: "2.9.0",
			UberjarName: "shop.jar", Main: "acme.shop", TargetPath: "target/%s",
			Plugins:      []string{"lein-ring", "lein-npm"},
			Dependencies: []string{"org.clojure/clojure", "thheller/shadow-cljs"},
			Profiles:     []string{"dev", "uberjar"},
			Aliases:      []string{"all"},
		},
		Deps: &detect.DepsFacts{
			Paths: []string{"src", "resources"}, Dependencies: []string{"org.clojure/clojure"},
			Aliases: map[string]detect.DepsAlias{
				"build":   {NsDefault: "build", Dependencies: []string{"io.github.clojure/tools.build"}},
				"run":     {MainOpts: []string{"-m", "acme.shop"}, JVMOpts: []string{"-Xss2m"}},
				"uberjar": {ExecFn: "hf/uberjar", ExecArgs: true, Dependencies: []string{"a/b"}},
			},
		},
		Build:     &detect.BuildFacts{Functions: []string{"clean", "uber"}},
		Manifests: []string{"build.clj", "deps.edn", "project.clj", "shadow-cljs.edn", "system.properties"},
	})
}

func TestClojureVendoredLein(t *testing.T) {
	tree := lein(`:min-lein-version "1.7.1" :main nil :version ~v :uberjar-name ~(str "x")`).tree()
	tree["bin/lein"] = tree["project.clj"]
	if _, err := detect.ForClojure(detect.Input{FS: tree}); err == nil {
		t.Error("a bin/lein that is not executable lets Leiningen 1 pass")
	}
	script := *tree["project.clj"]
	script.Mode = 0o755
	tree["bin/lein"], tree["bin/build"] = &script, &script
	result, err := detect.ForClojure(detect.Input{FS: tree})
	if err != nil {
		t.Fatal(err)
	}
	app := result.App.(*detect.ClojureApp)
	if !app.BinLein || !app.BinBuild || app.Lein.Main != "" ||
		!cmp.Equal(app.Lein.Computed, []string{":uberjar-name"}) {
		t.Errorf("%+v %+v", app, app.Lein)
	}
}

// TestClojureComputedProject holds which facts are left to Leiningen where code surrounds defproject.
func TestClojureComputedProject(t *testing.T) {
	tree := files{"project.clj": `(def common {:a 1})
(if (System/getenv "CI")
  (defproject shop "1" :main shop.core :uberjar-name "shop.jar" :plugins [[lein-ring "0.12"]])
  (defproject shop "1" :main shop.core :uberjar-name ~(str "x" ".jar") :plugins [[lein-npm "1"]]))`}.tree()
	result, err := detect.ForClojure(detect.Input{FS: tree})
	if err != nil {
		t.Fatal(err)
	}
	facts := result.App.(*detect.ClojureApp).Lein
	if facts.Main != "shop.core" || facts.UberjarName != "" || !cmp.Equal(facts.Computed, []string{":uberjar-name"}) ||
		!facts.HasPlugin("lein-ring") || !facts.HasPlugin("lein-npm") {
		t.Errorf("%+v", facts)
	}
}
