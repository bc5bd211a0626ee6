package clojure

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/language"
	"slugc/cache/testkit"
)

// source runs the launch script in a shell with these files, among them cgroups, and returns a variable.
func source(t *testing.T, files map[string]string, env []string, variable string) string {
	t.Helper()
	dir := testkit.Tree(t, t.TempDir(), files)
	script := filepath.Join(dir, "jvm.sh")
	cgroups := language.Cgroups{Root: filepath.Join(dir, "cgroup"), Self: filepath.Join(dir, "self")}
	testkit.Write(t, script, profileScript(cgroups))
	cmd := exec.Command("/bin/sh", "-euc", `. "$1"; eval "printf %s \"\${$2-}\""`, "sh", script, variable)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "JAVA_HOME=" + filepath.Join(dir, "jre")}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestProfileMemory(t *testing.T) {
	const utf8 = "-Dfile.encoding=UTF-8"
	two := func(limit string) map[string]string {
		return map[string]string{"self": "0::/app/web\n", "cgroup/app/web/memory.max": limit + "\n"}
	}
	one := func(limit string) map[string]string {
		return map[string]string{
			"self": "9:cpu:/x\n4:memory:/docker/abc\n",
			"cgroup/memory/docker/abc/memory.limit_in_bytes": limit + "\n",
		}
	}
	nested := two("max")
	nested["cgroup/app/memory.max"] = "1073741824\n"
	for name, tt := range map[string]struct {
		files map[string]string
		env   []string
		want  string
	}{
		"256 MB": {two("268435456"), nil,
			utf8 + " -Xmx126m -Xss512k -XX:CICompilerCount=2"},
		"512 MB": {two("536870912"), nil,
			utf8 + " -Xmx300m -Xss512k -XX:CICompilerCount=2"},
		"513 MB":              {two("537919488"), nil, utf8 + " -Xmx300m -XX:CICompilerCount=2"},
		"1 GB, version 1":     {one("1073741824"), nil, utf8 + " -Xmx671m -XX:CICompilerCount=2"},
		"2 GB":                {two("2147483648"), nil, utf8 + " -Xmx1539m"},
		"4 GB":                {two("4294967296"), nil, utf8 + " -Xmx3276m"},
		"14 GB":               {two("15032385536"), nil, utf8 + " -Xmx11468m"},
		"a limit above":       {nested, nil, utf8 + " -Xmx671m -XX:CICompilerCount=2"},
		"max":                 {two("max"), nil, utf8},
		"version 1 unlimited": {one("9223372036854771712"), nil, utf8},
		"no cgroups":          {nil, nil, utf8},
		"the user's heap": {two("536870912"), []string{"JAVA_OPTS=-Xmx99m -Da=b"},
			utf8 + " -Xmx99m -Da=b"},
		"the user's heap, in the other variable": {two("536870912"), []string{"JAVA_TOOL_OPTIONS=-Xmx99m"}, utf8},
		"the user's stack": {two("536870912"), []string{"JAVA_OPTS=-Xss1m"},
			utf8 + " -Xmx300m -XX:CICompilerCount=2 -Xss1m"},
	} {
		if got := source(t, tt.files, tt.env, "JAVA_OPTS"); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if got := source(t, two("536870912"), []string{"DYNO=run.17"}, "JAVA_TOOL_OPTIONS"); got != "" {
		t.Errorf("a one-off process has JAVA_TOOL_OPTIONS %q", got)
	}
	if got := source(t, two("536870912"), []string{"DYNO=web.1"}, "JAVA_TOOL_OPTIONS"); !strings.Contains(got,
		"-Xmx300m") {
		t.Errorf("a web process has JAVA_TOOL_OPTIONS %q", got)
	}
}

func TestProfileJDBC(t *testing.T) {
	for env, want := range map[string]string{
		"DATABASE_URL=postgres://u:p@h:5432/db": "jdbc:postgresql://h:5432/db?user=u&password=p" +
			"&sslmode=require",
		"DATABASE_URL=postgres://u:p@h/db?sslmode=allow": "jdbc:postgresql://h/db?user=u&password=p&sslmode=allow",
		"DATABASE_URL=mysql://u:p@h/db?a=b":              "jdbc:mysql://h/db?user=u&password=p&a=b",
		"JAWSDB_MARIA_URL=mariadb://u:p@h/db":            "jdbc:mariadb://h/db?user=u&password=p",
		"DATABASE_URL=sqlite:x.db":                       "",
		"JDBC_DATABASE_URL=jdbc:own":                     "jdbc:own",
	} {
		if got := source(t, nil, []string{env}, "JDBC_DATABASE_URL"); got != want {
			t.Errorf("%s: %q, want %q", env, got, want)
		}
	}
	if got := source(t, nil, []string{"CI=true", "DATABASE_URL=postgres://u:p@h/db"},
		"JDBC_DATABASE_URL"); strings.Contains(got, "sslmode") {
		t.Errorf("in CI: %q", got)
	}
}

// TestProfileLibraries checks that the slug's copy of a library is used only if the machine lacks it.
func TestProfileLibraries(t *testing.T) {
	files := map[string]string{
		"jre/lib/needed/libc.so.6/libc.so.6":             "",
		"jre/lib/needed/libnowhere.so.9/libnowhere.so.9": "",
	}
	got := source(t, files, nil, "LD_LIBRARY_PATH")
	if !strings.HasSuffix(got, "/jre/lib/needed/libnowhere.so.9") || strings.Contains(got, "libc.so.6") {
		t.Errorf("LD_LIBRARY_PATH is %q", got)
	}
}
