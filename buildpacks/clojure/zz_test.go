package clojure

import (
	"archive/zip"
	"io"
	"sort"
	"testing"
)

func TestZZ(t *testing.T) {
	jdk, err := packages("/tmp/clj/store/jdk/17.0.15-linux-amd64/lib/modules")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(jdk), jdk["java.sql"], jdk["java.beans"])
	r, err := zip.OpenReader("/tmp/clj/u/app/target/uberjar/hello-standalone.jar")
	if err != nil {
		t.Fatal(err)
	}
	who := map[string][]string{}
	for _, f := range r.File {
		if !interesting(f.Name) {
			continue
		}
		s := &scanner{jdk: jdk, found: map[string]bool{}}
		in, _ := f.Open()
		s.file(f.Name, in)
		io.Copy(io.Discard, in)
		for m := range s.found {
			who[m] = append(who[m], f.Name)
		}
	}
	for m, l := range who {
		sort.Strings(l)
		if len(l) > 6 {
			l = l[:6]
		}
		t.Log(m, l)
	}
}
