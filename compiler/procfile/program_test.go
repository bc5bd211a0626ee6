package procfile_test

import (
	"strings"
	"testing"

	"slugc/compiler/procfile"
)

func TestPrograms(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"go run main.go":                              "go",
		"bin/wrker -p $PORT":                          "bin/wrker=bin/wrker",
		"./serve":                                     "./serve=serve",
		"A=1 B=$C exec ./serve":                       "./serve=serve",
		"env -i A=1 bin/web":                          "bin/web=bin/web",
		"env -u A nice -n 5 bin/web":                  "bin/web=bin/web",
		"cd api && ./serve":                           "./serve=api/serve",
		"cd api && cd .. && bin/x; node y.js":         "bin/x=bin/x node",
		"cd .. && ./serve":                            "",
		"cd $DIR && ./serve":                          "",
		`sh -c 'cd a && exec "bin/x"'`:                "bin/x=a/bin/x",
		`bash -lc "bin/x $A" && y`:                    "y",
		"sh ./start.sh":                               "./start.sh=start.sh:read",
		"bash -x bin/start":                           "bin/start=bin/start:read",
		"bash start":                                  "",
		"$HOME/bin/web":                               "/app/bin/web=bin/web",
		`"$HOME"/bin/web`:                             "",
		`"${HOME}/bin/web"`:                           "/app/bin/web=bin/web",
		"~/bin/web":                                   "/app/bin/web=bin/web",
		"/app/bin/web":                                "/app/bin/web=bin/web",
		"/usr/bin/env python3":                        "",
		"${RUNNER:-bin/x} y":                          "",
		"$(which x)":                                  "",
		"bin/* -x":                                    "",
		"bin/a || bin/b":                              "",
		"(cd x || exit) ; y":                          "y",
		"cd x || exit; y":                             "",
		"bin/migrate && bin/web":                      "bin/migrate=bin/migrate bin/web=bin/web",
		"bin/web | tee log & wait":                    "bin/web=bin/web tee",
		"PATH=$PATH:bin web":                          "",
		"export PATH=$PATH:bin && web":                "",
		"export A=1; web":                             "web",
		". ./env.sh && web":                           "",
		"if [ -x a ]; then a; fi; b":                  "",
		"f() { a; }; f":                               "",
		"bundle exec puma -C config/puma.rb":          "bundle",
		"time -p bin/x":                               "bin/x=bin/x",
		"echo hi && true && [ -n a ] && sleep 5":      "sleep",
		"env -S 'a b'":                                "",
		"command -p x":                                "x",
		"web (":                                       "",
		"nohup java -jar target/x.jar > log 2>&1":     "java",
		"(cd a && ./b); ./c":                          "./b=a/b ./c=c",
		"{ bin/a; }":                                  "bin/a=bin/a",
		"npm start --prefix frontend -- --port $PORT": "npm",
	} {
		var got []string
		for _, p := range procfile.Programs(command) {
			text := p.Name
			if p.Path != "" {
				text += "=" + p.Path
			}
			if p.Read {
				text += ":read"
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%q: got %q, want %q", command, text, want)
		}
	}
}
