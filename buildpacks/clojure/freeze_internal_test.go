package clojure

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/detect"
)

func TestRunAlias(t *testing.T) {
	for name, tt := range map[string]struct {
		alias detect.DepsAlias
		want  frozen
	}{
		"run": {detect.DepsAlias{MainOpts: []string{"-m", "shop.core"}, JVMOpts: []string{"-Xss2m"}},
			frozen{options: []string{"-Xss2m"}, main: []string{"clojure.main", "-m", "shop.core"}}},
		"main": {detect.DepsAlias{ExecFn: "shop.core/run"},
			frozen{main: []string{"clojure.main", "-e", "(do (require 'shop.core) (shop.core/run {}))"},
				calls: "shop.core"}},
		"run-x": {detect.DepsAlias{ExecFn: "run", NsDefault: "shop.core"},
			frozen{main: []string{"clojure.main", "-e", "(do (require 'shop.core) (shop.core/run {}))"},
				calls: "shop.core"}},
		"start": {detect.DepsAlias{ExecFn: "shop.core/run", ExecArgs: true},
			frozen{main: []string{"clojure.main", "-e", `(do (require 'shop.core 'clojure.edn) (shop.core/run ` +
				`(get-in (clojure.edn/read-string {:default tagged-literal} (slurp "deps.edn")) ` +
				`[:aliases :start :exec-args])))`}, calls: "shop.core"}},
	} {
		aliases := map[string]detect.DepsAlias{name: tt.alias, "test": {MainOpts: []string{"-m", "test"}}}
		b := &work{app: &detect.ClojureApp{Deps: &detect.DepsFacts{Aliases: aliases}}}
		if got := b.runAlias(); got != name {
			t.Errorf("the alias is %q, want %q", got, name)
		}
		if diff := cmp.Diff(&tt.want, frozenAlias(name, tt.alias), cmp.AllowUnexported(frozen{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTrampoline(t *testing.T) {
	words := trampolineWords(`'java' '-classpath' '/app/src:/m2/a b.jar' '-Dx=y z' 'clojure.main' '-i' '/tmp/f.clj'`)
	if diff := cmp.Diff([]string{"java", "-classpath", "/app/src:/m2/a b.jar", "-Dx=y z", "clojure.main", "-i",
		"/tmp/f.clj"}, words); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b := newWork(t, leinApp(detect.LeinFacts{}), nil)
	testkit.Tree(t, b.Dir, map[string]string{"src/my_shop/core.clj": "", "target/classes/shop/Main.class": ""})
	for form, want := range map[string]string{
		"(clojure.core/resolve (quote my-shop.core/-main))": "clojure.main -m my-shop.core",
		"(clojure.core/resolve (quote shop.Main/-main))":    "shop.Main",
		"(clojure.core/resolve (quote lib.server/-main))":   "clojure.main -m lib.server",
		"(clojure.core/resolve (quote my-shop.core/start))": "clojure.main -e " +
			"(do (require 'my-shop.core) (my-shop.core/start))",
		"(println 1)": "",
	} {
		if got := strings.Join(b.mainOf(&frozen{}, []byte(form)), " "); got != want {
			t.Errorf("%s: %q, want %q", form, got, want)
		}
	}
}
