package compiler

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMissingPrograms warns of what a Procfile starts and the slug does not have.
func TestMissingPrograms(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.write("build.sh", `
mkdir -p bin "$layers/gems/ruby/3.4.0/bin"
echo x >bin/app; chmod +x bin/app
echo x >"$layers/gems/ruby/3.4.0/bin/puma"
echo '[types]
launch = true' >"$layers/gems.toml"
ln -s bin/app link
`)
	m.write("start.sh", "x")
	warns := func(procfile string) []string {
		t.Helper()
		m.write("Procfile", procfile)
		m.build()
		var got []string
		for _, line := range m.recorded.Only("warn") {
			if strings.HasPrefix(line, "Procfile: ") {
				got = append(got, line)
			}
		}
		return got
	}
	want := []string{
		`Procfile: web runs "go", which is not in the slug. There are: bin/app.`,
		`Procfile: worker runs "bin/wrker", which is not in the slug. There are: bin/app.`,
		`Procfile: api runs "./start.sh", which is not executable: ` +
			"run `git update-index --chmod=+x start.sh` and commit it. There are: bin/app.",
	}
	got := warns("web: go run main.go\nworker: A=1 bin/wrker -x\napi: ./start.sh\n" +
		"a: bin/app\nb: app\nc: sh ./start.sh\nd: puma -p $PORT\ne: ./link\nf: $SERVER\ng: exec env python3 x.py\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	const label = `[[labels]]\nkey = "io.slugc.warned"\nvalue = "web"\n`
	m.write("build.sh", "printf '"+label+"' >>\"$layers/launch.toml\"\n")
	if got := warns("web: server\nx: server\n"); len(got) != 1 || !strings.HasPrefix(got[0], "Procfile: x runs") {
		t.Errorf("where the buildpack has warned: %q", got)
	}
	m.write(".profile", "PATH=/opt/bin:$PATH")
	if got := warns("web: server\n"); len(got) > 0 {
		t.Errorf("with a profile of its own: %q", got)
	}
}
