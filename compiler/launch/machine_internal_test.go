package launch

import (
	"errors"
	"strings"
	"testing"

	"slugc/compiler/abi"
	"slugc/compiler/fault"
)

// TestCheckHost words what a machine lacks, and refuses only what would not start.
func TestCheckHost(t *testing.T) {
	t.Parallel()
	record := &abi.Record{Arch: "amd64", Libc: abi.Musl, Needs: []abi.Need{
		{Kind: abi.Arch, Name: "amd64", File: "bin/x", Types: []string{"web"}},
		{Kind: abi.Interpreter, Name: "/lib/ld-musl-x86_64.so.1", File: "bin/x", Types: []string{"web"}},
	}}
	for i := range 5 {
		name := strings.Repeat("x", i+1) + ".so"
		record.Needs = append(record.Needs, abi.Need{Kind: abi.Library, Name: name, File: "plugin.so"})
	}
	host := abi.Host{Root: t.TempDir(), Arch: "amd64"}
	warning, err := checkHost(host, record, []string{"worker"})
	if err != nil || !strings.Contains(warning, "plugin.so needs the library x.so") ||
		!strings.Contains(warning, "; and 3 more.") {
		t.Errorf("it says %q, %v", warning, err)
	}
	warning, err = checkHost(host, record, []string{"worker", "web"})
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || warning != "" || f.ID != "launch/not-loadable" || !strings.Contains(f.Hints[0], "Alpine") {
		t.Errorf("it says %q, %v", warning, err)
	}
	host.Arch = "riscv64"
	if _, err := checkHost(host, record, []string{"web"}); err == nil || !strings.Contains(err.Error(), "is riscv64") {
		t.Errorf("it says %v", err)
	}
}
