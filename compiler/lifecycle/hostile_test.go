package lifecycle_test

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/fault"
)

// TestBrokenOutput holds that what a buildpack of others leaves wrong, or to harm, is refused with its name and the
// file.
func TestBrokenOutput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ build, text string }{
		"a link":          {`ln -s /etc/passwd "$1/launch.toml"`, `"launch.toml": it is reached through a link`},
		"a FIFO":          {`mkfifo "$1/build.toml"`, `"build.toml": it is not a regular file`},
		"a link as store": {`ln -s launch.toml "$1/store.toml"`, `"store.toml": it is reached through a link`},
		"a large file":    {`truncate -s 1T "$1/l.toml"`, `"l.toml": it has 1099511627776 bytes, more than`},
		"not TOML":        {`echo = >"$1/l.toml"`, `"l.toml": toml: line 1`},
		"a layer's name":  {`: >"$1/..toml"`, `"..toml" does not name a layer`},
		"a layer build":   {`mkdir "$1/build"`, `no layer can be called "build"`},
		"old types": {
			`echo "launch = true" >"$1/l.toml"`,
			`"l.toml": build, launch and cache belong into its table`,
		},
		"no command": {
			`printf '[[processes]]\ntype = "web"\n' >"$1/launch.toml"`,
			`"launch.toml": process "web": it has no command`,
		},
		"no type": {
			`printf '[[processes]]\ncommand = ["x"]\n' >"$1/launch.toml"`,
			`"launch.toml": a process type is empty`,
		},
		"a NUL in a command": {
			`printf '[[processes]]\ntype = "web"\ncommand = ["\\u0000"]\n' >"$1/launch.toml"`, "NUL",
		},
		"a bad pattern": {`printf '[[slices]]\npaths = ["[a"]\n' >"$1/launch.toml"`, `pattern "[a"`},
		"two defaults": {
			`for t in a b; do printf '[[processes]]\ntype = "%s"\ncommand = ["x"]\ndefault = true\n' $t
			done >"$1/launch.toml"`,
			`both "a" and "b" are the default process`,
		},
		"unmet": {`printf '[[unmet]]\nname = "x"\n' >"$1/build.toml"`, `"build.toml": the unmet entry "x"`},
		"a bill of materials": {`ln -s /etc/passwd "$1/launch.sbom.cdx.json"`,
			`"launch.sbom.cdx.json": it is reached through a link`},
		"a format": {
			`: >"$1/launch.sbom.spdx.json"`,
			`sbom-formats of its buildpack.toml lacks application/spdx+json`,
		},
		"another format": {`: >"$1/launch.sbom.x.json"`, `the format "x" of a bill of materials is not known`},
		"a variable": {`mkdir -p "$1/l/env"; : >"$1/l/env/A-B"; printf '[types]\nbuild = true\n' >"$1/l.toml"`,
			`"A-B" is not a variable name`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "-- bp/bin/build --\n"+test.build+`
-- bp/buildpack.toml --
api = "0.10"
[buildpack]
id = "acme/bp"
version = "1"
sbom-formats = ["application/vnd.cyclonedx+json"]
`)
			_, err := m.build("bp")
			f := fault.Of(err)
			if err == nil || f.ID != "buildpack/broken-output" || f.Code != 52 || strings.Contains(err.Error(), "\n") ||
				!strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), "acme/bp") {
				t.Errorf("got %v\n%s", err, m.output)
			}
		})
	}
}

// TestForeignSees holds what a buildpack of others does not see of the machine, and cannot change.
func TestForeignSees(t *testing.T) {
	t.Parallel()
	m := newMachine(t, `
-- bp/bin/build --
[ ! -e /toolchains ]
[ -z "${SECRET-}" ]
for dir in /cnb/buildpacks/acme_bp/1.0 /platform /plan; do
	if (: >$dir/x) 2>/dev/null; then echo "$dir can be written"; exit 1; fi
done
if ls /root /home/other 2>/dev/null; then exit 1; fi
[ "$(id -u)" != 0 ]
`)
	if _, err := m.build("bp"); err != nil {
		t.Errorf("%v\n%s", err, m.output)
	}
	if testkit.Exists(m.app, ".layers/sbom") {
		t.Errorf("there are bills of materials in %s", filepath.Join(m.app, ".layers"))
	}
}
