package clojure

import (
	"path/filepath"
	"testing"

	"slugc/buildpacks/diagnosis"
	"slugc/detect"
)

// TestMessages checks the diagnoses of failures that need another machine, network or JDK than a
// test has. The outputs are real.
func TestMessages(t *testing.T) {
	tests := []struct{ output, id, summary string }{
		{"Could not transfer artifact ring:ring-core:pom:1.8.2 from/to debian (file:///usr/share/maven-repo): " +
			"Checksum validation failed, " +
			"no checksums available",
			"clojure/checksum", `ring/ring-core 1.8.2 of the repository "debian" comes without a checksum.`},
		{"Could not resolve dependencies", "clojure/dependencies", "The app's dependencies could not be resolved."},
		{"Error building classpath. Bad coordinate for library ring/ring.", "clojure/dependencies",
			"The app's dependencies could not be resolved: Bad coordinate for library ring/ring."},
		{"fatal: not a git repository (or any of the parent directories): .git", "clojure/git-history-missing",
			"The build reads the app's git history, and a slug is built from the files alone."},
		{"Exception in thread \"main\" java.lang.UnsupportedClassVersionError: shop/Core has been compiled by a more " +
			"recent version of the Java Runtime (class file version 65.0), this version",
			"clojure/java-too-old", "shop.Core needs Java 21 or newer."},
		{`java.io.IOException: Cannot run program "npm": error=2, No such file or directory`, "clojure/npm-missing",
			"The build needs npm, which is not on its PATH."},
		{"Warning: profile :production not found.", "clojure/profile-missing",
			"project.clj has no profile production, which the build uses."},
	}
	b := &work{app: leinApp(detect.LeinFacts{})}
	for _, test := range tests {
		d := diagnosis.Recognise(b.patterns(), []byte(test.output+"\n"))
		if d == nil || d.ID != test.id || d.Summary != test.summary || len(d.Hints) == 0 {
			t.Errorf("%q is %+v, want %s %q", test.output, d, test.id, test.summary)
		}
	}
}

func TestNoJar(t *testing.T) {
	b := newWork(t, leinApp(detect.LeinFacts{UberjarName: "shop.jar"}), nil)
	b.lastLine = "lein uberjar"
	wantDiagnosis(t, b.findJar(), "clojure/uberjar-missing", "left no shop.jar below target")
	writeJar(t, filepath.Join(b.Dir, "target", "shop.jar"), entry{name: "shop/core.clj", text: "(ns shop.core)"})
	wantDiagnosis(t, b.findJar(), "clojure/no-main-class", "target/shop.jar has no Main-Class")
}

func TestModuleUnknown(t *testing.T) {
	b := newWork(t, nil, nil)
	b.CNB.Platform.Environment = map[string]string{"SLUGC_JDK_MODULES": "java.sql,java.nonsense"}
	b.jdk.Version = "21.0.5"
	_, err := b.moreModules(map[string]string{"java/sql": "java.sql"}, nil)
	wantDiagnosis(t, err, "clojure/jdk-module-unknown", `asks for "java.nonsense", which JDK 21.0.5 does not have`)
}
