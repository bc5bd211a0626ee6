package clojure

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slugc/buildpacks/command"
	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
	"slugc/detect"
)

// TestCalls holds how the commands of a Procfile are read.
func TestCalls(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"web: java -jar x.jar":                              "java -jar x.jar",
		"web: exec env A=1 nice -n 5 java -jar 'my app'":    "java -jar my app",
		"web: cd target && A=b java -jar $JAR":              "java -jar app.jar",
		"web: JAR=y.jar; java -jar \"$JAR\"":                "java -jar y.jar",
		"web: java -jar ${X:-z}.jar $NONE":                  "java -jar z.jar ?",
		"web: bash -lc \"java -jar ~/x.jar\"":               "java -jar ./x.jar",
		"web: ./migrate && java -jar $HOME/x.jar":           "./migrate; maybe java -jar ./x.jar",
		"web: if true; then java -jar a.jar; fi":            "maybe java -jar a.jar",
		"web: bin/start":                                    "bin/start; maybe clojure -M:prod",
		"web: sh bin/start":                                 "maybe clojure -M:prod",
		"web: java -jar x.jar | tee log":                    "java -jar x.jar; maybe tee log",
		"web: timeout 5m java -jar x.jar\n# web: java -x\n": "java -jar x.jar",
		"web: java -jar 'x":                                 "",
	} {
		b := newWork(t, leinApp(detect.LeinFacts{}), map[string]string{"JAR": "app.jar"})
		testkit.Tree(
			t,
			b.Dir,
			map[string]string{"Procfile": text, "bin/start": "#!/bin/sh\nset -e\nexec clojure -M:prod\n"},
		)
		var got []string
		for _, c := range b.calls() {
			var words []string
			if !c.certain {
				words = append(words, "maybe")
			}
			for _, w := range c.words {
				if w.open {
					w.text += "?"
				}
				words = append(words, strings.Replace(w.text, b.Dir, ".", 1))
			}
			got = append(got, strings.Join(words, " "))
		}
		if joined := strings.Join(got, "; "); joined != want {
			t.Errorf("%q is %q, want %q", text, joined, want)
		}
	}
}

// TestProcfileJava holds which commands of Java are refused and which are warned of.
func TestProcfileJava(t *testing.T) {
	t.Parallel()
	const noJar, noMain = "clojure/procfile-jar-missing", "clojure/no-main-class"
	for name, tt := range map[string]struct{ procfile, id, says string }{
		"the jar":             {"web: java $JAVA_OPTS -Dx=y -jar target/shop-1-standalone.jar", "", ""},
		"another":             {"web: java -jar target/shop.jar", noJar, "starts target/shop.jar"},
		"another, absolute":   {"web: java -jar /app/target/shop.jar", noJar, "target/shop.jar"},
		"after cd":            {"web: cd target && exec java -jar shop-1-standalone.jar", "", ""},
		"another after cd":    {"web: cd target && java -jar shop.jar", noJar, "target/shop.jar"},
		"from configuration":  {"web: java -jar $JAR", noJar, "starts target/other.jar"},
		"from nowhere":        {"web: java -jar $NONE", "", "whose name only a variable has"},
		"a default":           {"web: java -jar ${NONE:-target/old.jar}", noJar, "target/old.jar"},
		"one by a glob":       {"web: java -jar target/*-standalone.jar", "", ""},
		"none by a glob":      {"web: java -jar target/uberjar/*.jar", noJar, "target/uberjar/*.jar"},
		"two by a glob":       {"web: java -jar target/*.jar", noJar, "stands for 2 files"},
		"made before":         {"web: ./make && java -jar target/shop.jar", "", "which the build has not made"},
		"in another process":  {"web: true\nworker: java -jar target/w.jar", noJar, "worker"},
		"without a class":     {"web: java -jar target/thin.jar", noMain, "no class shop.core"},
		"its source":          {"web: java -cp target/thin.jar clojure.main -m shop.core", "", ""},
		"not its source":      {"web: java -cp target/thin.jar clojure.main -m shop.web", noMain, "namespace shop.web"},
		"a missing classpath": {"web: java -cp target/a.jar clojure.main -m shop.core", noJar, "a.jar"},
		"one more":            {"web: java -cp target/thin.jar:lib/a.jar clojure.main -m shop.core", "", ""},
		"no classpath":        {"web: java clojure.main -m shop.core", noJar, "without a classpath"},
		"of the system":       {"web: java -jar /opt/agent.jar", "", ""},
	} {
		b := newWork(t, leinApp(detect.LeinFacts{}), map[string]string{"JAR": "target/other.jar"})
		var log bytes.Buffer
		b.Log = &command.Log{Out: &log}
		b.uberjar = "target/shop-1-standalone.jar"
		manifest := entry{name: "META-INF/MANIFEST.MF", text: "Main-Class: shop.core\n"}
		writeJar(t, b.Path(b.uberjar), manifest, entry{name: "shop/core.class"})
		writeJar(t, b.Path("target/thin.jar"), manifest, entry{name: "clojure/main.class"},
			entry{name: "shop/core.clj", text: "(defn -main [])"})
		testkit.Write(t, b.Path("Procfile"), tt.procfile+"\n")
		err := b.checkProcfile()
		switch {
		case tt.id != "":
			wantDiagnosis(t, err, tt.id, tt.says)
		case err != nil || (log.Len() > 0) != (tt.says != "") || !strings.Contains(log.String(), tt.says):
			t.Errorf("%s: %v\n%s", name, err, log.String())
		}
	}
}

// TestVariants holds which calls of the Clojure command can be frozen.
func TestVariants(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"clojure -M:prod":                       " -M:prod",
		"clj -J-Xmx1g -Srepro -M:a:prod -m x y": " -M:a:prod",
		"clojure -A:prod -m shop.core":          " -A:prod",
		"clojure -X:prod shop/run :port 1":      " -X:prod",
		"clojure -Sdeps '{:deps {}}' -M -m x":   " -Sdeps {:deps {}} -M",
		"clojure -m x":                          "",
		"clojure -M:$ALIAS":                     "! known only when it starts",
		"clojure -M:none":                       "! deps.edn has no alias :none",
		"clojure -P":                            "! there at build time only",
		"clojure -Spath":                        "! there at build time only",
		"bash -c 'exec clojure -T:prod uber'":   " -T:prod",
	} {
		app := &detect.ClojureApp{
			Tool: "cli",
			Deps: &detect.DepsFacts{Aliases: map[string]detect.DepsAlias{"a": {}, "prod": {}}},
		}
		b := newWork(t, app, nil)
		b.builder = &toolchain.Toolchain{Tool: "clojure"}
		testkit.Write(t, b.Path("Procfile"), "web: "+text+"\n")
		calls := b.calls()
		if len(calls) != 1 {
			t.Errorf("%q: %d calls", text, len(calls))
			continue
		}
		v, why := readVariant(calls[0])
		if why == "" {
			why = b.cannotFreeze(v)
		}
		if reason, refused := strings.CutPrefix(want, "! "); refused {
			wantDiagnosis(t, unfrozen(calls[0], why), "clojure/procfile-not-frozen", reason)
		} else if why != "" || v.key() != want {
			t.Errorf("%q is %q (%s), want %q", text, v.key(), why, want)
		}
	}
}

// TestStartedShim checks that the command clojure of a slug starts what was frozen, wherever the slug is.
func TestStartedShim(t *testing.T) {
	t.Parallel()
	b := newWork(t, &detect.ClojureApp{}, nil)
	b.CNB.Layers.Path = b.Path(".layers/slugc_clojure")
	jar := filepath.Join(b.CNB.Layers.Path, "dependencies", "a.jar")
	prod := &variant{frozen: &frozen{path: []string{b.Path("src"), jar}, options: []string{"-Dx=y z"},
		main: []string{"-m", "shop.core"}}, words: []string{"-A:x", "-M:prod"}}
	run := &variant{frozen: &frozen{path: []string{jar}}, words: []string{"-X:run"}, execute: "{:execute-args {}}"}
	b.variants = []*variant{prod, run}
	if err := b.cliInSlug(); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "moved app")
	if err := os.Rename(b.Dir, moved); err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, filepath.Join(moved, "java"), "#!/bin/sh\nprintf '%s|' \"$@\"\n")
	if err := os.Chmod(filepath.Join(moved, "java"), 0o755); err != nil {
		t.Fatal(err)
	}
	layers := filepath.Join(moved, ".layers/slugc_clojure")
	moved += "/"
	jar = layers + "/dependencies/a.jar"
	const utf8 = "-Dfile.encoding=UTF-8"
	for args, want := range map[string][]string{
		"-J-Xmx1g -A:x -M:prod one 2": {"-server", utf8, "-Dx=y z", "-Xmx1g", "-cp", moved + "src:" + jar,
			"clojure.main", "-m", "shop.core", "one", "2"},
		"-X:run shop/go :a 1": {"-server", utf8, "-Dclojure.basis=" + layers + "/clojure/execute-1.edn", "-cp", jar,
			"clojure.main", layers + "/clojure/exec.clj", "shop/go", ":a", "1"},
		"-M:other": nil,
	} {
		for _, name := range []string{"clojure", "clj"} {
			cmd := exec.Command(filepath.Join(layers, "clojure/bin", name), strings.Fields(args)...)
			cmd.Env = []string{"PATH=" + moved + ":/usr/bin:/bin", "JAVA_OPTS=-server"}
			out, err := cmd.Output()
			got := strings.Split(strings.TrimSuffix(string(out), "|"), "|")
			if want == nil != (err != nil) || want != nil && !slices.Equal(got, want) {
				t.Errorf("%s %s: %q, %v; want %q", name, args, got, err, want)
			}
		}
	}
}
