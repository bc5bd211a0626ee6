package command_test

import (
	"strings"
	"testing"

	"slugc/buildpacks/command"
)

// TestFrames holds that lines of stack traces are never quoted, and that what an error says is.
func TestFrames(t *testing.T) {
	t.Parallel()
	for name, output := range map[string]string{
		"Java": `java.lang.IllegalStateException: said
	at java.base/java.util.concurrent.FutureTask.run(FutureTask.java:264)
	at clojure.core$eval.invokeStatic(core.clj:3214)
	at jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)
	... 12 more
`,
		"Clojure": `Error loading project.clj: said
 clojure.main$main.invokeStatic (main.clj:664)
    clojure.lang.AFn.applyToHelper (AFn.java:152)
    leiningen.core.main$_main__7412.doInvoke (main.clj:452)
 [clojure.lang.Compiler eval "Compiler.java" 7194]
Full report at:
/tmp/clojure-1234567890.edn
`,
		"Node.js": `node:internal/modules/cjs/loader:1234
  throw err;
  ^

Error: said
    at Object.<anonymous> (/app/build.js:1:7)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)
    at async main (file:///app/build.mjs:3:3)
    at node:internal/main/run_main_module:36:49
`,
		"Ruby": `rake aborted!: said
/app/lib/tasks/x.rake:3:in ` + "`block in <main>'" + `
/usr/lib/ruby/3.1.0/rake/task.rb:281:in 'Rake::Task#execute'
	from /app/Rakefile:1:in ` + "`<top (required)>'" + `
`,
		"Python": `Traceback: said
  File "/usr/lib/python3/gyp/input.py", line 12, in Load
  File "x.gyp", line 3
`,
		"Go": `panic: said

goroutine 1 [running]:
main.main()
	/app/gen.go:5 +0x1d
example.com/x.(*T).Run(0xc000012345, {0x1, 0x2})
created by main.main in goroutine 1
runtime/debug.Stack(...)
`,
	} {
		f := &command.Failure{Command: "build", Status: "exit status 1", Tail: []byte(output)}
		hints := f.Unrecognised(command.Unknown{ID: "x/build-failed"}).Hints
		if len(hints) != 1 && name != "Go" || !strings.Contains(hints[0], ": said") {
			t.Errorf("%s: %q", name, hints)
		}
	}
	only := &command.Failure{Command: "build", Tail: []byte("\tat x.Y.z(Y.java:1)\n")}
	if hints := only.Unrecognised(command.Unknown{ID: "x/y"}).Hints; len(hints) != 1 {
		t.Errorf("with nothing but frames: %q", hints)
	}
}
