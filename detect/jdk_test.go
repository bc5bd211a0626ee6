package detect_test

import (
	"testing"

	"slugc/detect"
)

// javaTree makes a Clojure app whose Java version stands in these files, if in any.
func javaTree(more ...string) files {
	f := lein(`:min-lein-version "2.0.0"`)
	delete(f, "system.properties")
	return f.with(more...)
}

var jdkRows = []row{
	{"none", javaTree(), nil, warned("jdk  from default; "+lein2, noJavaVersion)},
	{"provided", javaTree(".jdk/bin/java", ""), nil, ok("jdk  from default", lein2)},
	{"properties with a colon",
		javaTree("system.properties", "# java\n! x\njava.runtime.version: 17\nmaven.version=3"), nil,
		ok("jdk 17 from system.properties", lein2)},
	{"properties with a blank", javaTree("system.properties", "java.runtime.version\t17\njava.runtime.versions=9"),
		nil, ok("jdk 17 from system.properties", lein2)},
	{"properties without the key", javaTree("system.properties", "maven.version=3", ".java-version", "17"), nil,
		ok("jdk 17 from .java-version", lein2)},
	{"exact", javaTree("system.properties", "java.runtime.version=21.0.5"), nil,
		ok("jdk =21.0.5 from system.properties", lein2)},
	{"trailing zeros", javaTree("system.properties", "java.runtime.version=21.0.0"), nil,
		ok("jdk 21 from system.properties", lein2)},
	{"1.8", javaTree("system.properties", "java.runtime.version=1.8"), nil, ok("jdk 8 from system.properties", lein2)},
	{"1.8.0_392", javaTree("system.properties", "java.runtime.version=1.8.0_392"), nil,
		ok("jdk =1.8.0_392 from system.properties", lein2)},
	{"distribution", javaTree("system.properties", "java.runtime.version=zulu-21"), nil,
		ok("jdk 21 from system.properties", lein2)},
	{"heroku's own", javaTree("system.properties", "java.runtime.version=heroku-21"), nil,
		fails("clojure/java-version-invalid at system.properties")},
	{"junk", javaTree("system.properties", "java.runtime.version=latest"), nil,
		fails("clojure/java-version-invalid at system.properties")},
	{".java-version of jenv", javaTree(".java-version", "openjdk64-17.0.1\r\n"), nil,
		ok("jdk =17.0.1 from .java-version", lein2)},
	{".sdkmanrc", javaTree(".sdkmanrc", "# c\r\njava=21.0.5-tem\r\n"), nil, ok("jdk =21.0.5 from .sdkmanrc", lein2)},
	{".tool-versions", javaTree(".tool-versions", "java temurin-21.0.5+11.0.LTS"), nil,
		ok("jdk =21.0.5 from .tool-versions java", lein2)},
	{"mise", javaTree("mise.toml", "[tools]\njava = \"temurin-17\""), nil,
		ok("jdk 17 from mise.toml tools.java", lein2)},
	{"configuration", javaTree("system.properties", "java.runtime.version=17"), env{"SLUGC_JDK_VERSION": "21"},
		warned("jdk 21 from SLUGC_JDK_VERSION; "+lein2,
			"SLUGC_JDK_VERSION asks for 21 and system.properties says 17; using SLUGC_JDK_VERSION")},
	{"same line", javaTree("system.properties", "java.runtime.version=17", ".java-version", "17.0.9"), nil,
		ok("jdk 17 from system.properties", lein2)},
}

func TestJDK(t *testing.T) {
	check(t, detect.ForClojure, jdkRows)
	for file, want := range map[string]string{
		"java=21.0.5-tem":  "temurin",
		"java=21.0.5-zulu": "zulu",
		"java=corretto-21": "corretto",
		"java=21":          "",
	} {
		result, err := detect.ForClojure(detect.Input{FS: javaTree(".sdkmanrc", file).tree()})
		if err != nil {
			t.Fatal(err)
		}
		if got := result.App.(*detect.ClojureApp).JDK.Distribution; got != want {
			t.Errorf("%s: distribution %q, want %q", file, got, want)
		}
	}
}
