package golang

import (
	"os/exec"
	"path/filepath"
	"testing"

	"slugc/buildpacks/language"
	"slugc/cache/testkit"
)

// TestProfile runs the launch script under made-up limits in each shell that a runner may have.
func TestProfile(t *testing.T) {
	t.Parallel()
	type limits = map[string]string
	cases := []struct {
		name, self, want string
		limits           limits
		env              []string
	}{
		{name: "no cgroup", want: "unset"},
		{name: "version 2", self: "0::/\n", limits: limits{"memory.max": "536870912"}, want: "483183819"},
		{name: "version 2, unlimited", self: "0::/\n", limits: limits{"memory.max": "max"}, want: "unset"},
		{
			name: "version 2, a parent's limit is lower", self: "0::/machine/app\n", want: "900",
			limits: limits{"machine/app/memory.max": "max", "machine/memory.max": "1000", "memory.max": "2000"},
		},
		{
			name: "version 1", self: "12:cpu,cpuacct:/x\n4:memory:/dock/er\n0::/y\n", want: "966367638",
			limits: limits{
				"memory/dock/er/memory.limit_in_bytes": "1073741824",
				"memory/memory.limit_in_bytes":         "9223372036854771712",
			},
		},
		{
			name: "version 1, unlimited", self: "4:memory:/\n", want: "unset",
			limits: limits{"memory/memory.limit_in_bytes": "9223372036854771712"},
		},
		{name: "nonsense", self: "rubbish\n::\n", limits: limits{"memory.max": "-5; exit"}, want: "unset"},
		{
			name: "the user's", self: "0::/\n", want: "1GiB",
			limits: limits{"memory.max": "1000"}, env: []string{"GOMEMLIMIT=1GiB"},
		},
		{
			name: "the user's, off", self: "0::/\n", want: "",
			limits: limits{"memory.max": "1000"}, env: []string{"GOMEMLIMIT="},
		},
	}
	// Sourced twice, the script changes nothing the second time, and it leaves no variable of its
	// own.
	const prints = `. "$1"; . "$1"; echo "$PATH"; echo "${GOMEMLIMIT-unset}"
set | grep -E '^(least|limit|group|file|dir)=' || :`
	for _, shell := range []string{"bash", "sh"} {
		for _, c := range cases {
			t.Run(shell+"/"+c.name, func(t *testing.T) {
				dir := t.TempDir()
				testkit.Write(t, filepath.Join(dir, "self"), c.self)
				for name, text := range c.limits {
					testkit.Write(t, filepath.Join(dir, "cgroup", name), text+"\n")
				}
				cgroups := language.Cgroups{Root: filepath.Join(dir, "cgroup"), Self: filepath.Join(dir, "self")}
				testkit.Write(t, filepath.Join(dir, "go.sh"), profile(cgroups, ""))
				cmd := exec.Command(shell, "-euc", prints, shell, filepath.Join(dir, "go.sh"))
				cmd.Env = append(c.env, "HOME=/app", "PATH=/usr/bin:/bin")
				out, err := cmd.CombinedOutput()
				if want := "/usr/bin:/bin:/app/bin\n" + c.want + "\n"; err != nil || string(out) != want {
					t.Errorf("got %q (%v), want %q", out, err, want)
				}
			})
		}
	}
}
