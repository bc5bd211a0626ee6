package clojure

import (
	"path/filepath"
	"testing"

	"slugc/cache/testkit"
	"slugc/detect"
)

// TestUsesLocales holds where the use of a language is found: in the app's own code wherever it lies, and not in
// that of libraries.
func TestUsesLocales(t *testing.T) {
	t.Parallel()
	const text = "(ns a.b) (java.util.Locale/forLanguageTag \"de\")"
	class := "\xca\xfe\xba\xbe java/util/Locale"
	for name, tt := range map[string]struct {
		files   map[string]string
		jar     []entry // of the uberjar
		options []string
		want    bool
	}{
		"nothing":              {nil, []entry{{name: "a/b.clj", text: "(ns a.b)"}}, nil, false},
		"a source directory":   {map[string]string{"server/a/b.clj": text}, nil, nil, true},
		"resources":            {map[string]string{"server/words.edn": "{:locale \"de\"}"}, nil, nil, true},
		"not on the classpath": {map[string]string{"elsewhere/a/b.clj": text}, nil, nil, false},
		"a class of the app":   {nil, []entry{{name: "a/b$fn__1.class", text: class}}, nil, true},
		"Java of the app":      {nil, []entry{{name: "com/acme/B.class", text: class}}, nil, true},
		"a library's source":   {nil, []entry{{name: "ring/time.clj", text: text}}, nil, false},
		"a compiled library": {nil, []entry{{name: "ring/time$f.class", text: class},
			{name: "ring/time__init.class", text: class}, {name: "ring/time/Clock.class", text: class}}, nil, false},
		"an option": {nil, nil, []string{"-Duser.language=de"}, true},
	} {
		b := newWork(t, leinApp(detect.LeinFacts{}), nil)
		b.jars = filepath.Join(b.home, "repository")
		writeJar(t, filepath.Join(b.jars, "ring/ring.jar"), entry{name: "ring/time.clj", text: text})
		testkit.Tree(t, b.Dir, tt.files)
		if tt.jar != nil {
			b.uberjar = "target/x.jar"
			writeJar(t, b.Path(b.uberjar), tt.jar...)
		} else {
			b.frozen = &frozen{options: tt.options,
				path: []string{b.Path("server"), filepath.Join(b.jars, "ring/ring.jar")}}
		}
		if got, err := b.usesLocales(); err != nil || got != tt.want {
			t.Errorf("%s: %t, %v; want %t", name, got, err, tt.want)
		}
	}
}

// TestProviders holds which modules come with a package that finds them when it runs.
func TestProviders(t *testing.T) {
	t.Parallel()
	jdk := map[string]string{"javax.tools": "java.compiler", "com.sun.tools.javac": "jdk.compiler",
		"javax.security.auth.login": "java.base", "com.sun.security.auth": "jdk.security.auth", "java.sql": "java.sql"}
	for source, want := range map[string]string{
		"(javax.tools.ToolProvider/getSystemJavaCompiler)":       "jdk.compiler",
		"(javax.security.auth.login.LoginContext. \"x\")":        "jdk.security.auth",
		"(Class/forName \"com.sun.tools.javac.Main\")":           "jdk.compiler",
		"(println \"see java.sql or com.sun.tools.javac.Main\")": "",
	} {
		s := &scanner{jdk: jdk, have: map[string]bool{"jdk.compiler": true, "jdk.security.auth": true},
			found: map[string]bool{}}
		s.source([]byte(source))
		if s.found[want] != (want != "") || want == "" && len(s.found) > 0 {
			t.Errorf("%s: %v, want %q", source, s.found, want)
		}
	}
}

// TestCollector holds that no collector is chosen for an app that may choose its own.
func TestCollector(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"(defproject a \"1\")": sameCollector,
		"(defproject a \"1\" :jvm-opts [\"-XX:+UseParallelGC\"])": "",
	} {
		b := newWork(t, leinApp(detect.LeinFacts{}), nil)
		b.app.Manifests = []string{"project.clj"}
		testkit.Write(t, b.Path("project.clj"), text)
		if got := b.collector(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
