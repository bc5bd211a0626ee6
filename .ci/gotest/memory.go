package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Memory for the tests' files: at most this part of what is available, and not less than enough for
// four apps with their runtimes at once.
const (
	memoryShare  = 2
	enoughMemory = 6 << 30 // bytes
)

// inMemory returns a command that runs go with the arguments and with its temporary files in memory,
// which spares a third of the system time. That needs a mount namespace, and so root; elsewhere, and
// where memory is short, the files are on disk. The mount ends with the command.
func inMemory(args ...string) (cmd *exec.Cmd, remove func(), err error) {
	size := availableMemory() / memoryShare
	dir, err := os.MkdirTemp("", "gotest-*")
	if err != nil {
		return nil, nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	const script = `mount -t tmpfs -o size="$1",mode=0777 gotest "$2" && shift 2 && exec "$@"`
	mounted := append([]string{"--mount", "sh", "-c", script, "sh", fmt.Sprint(size), dir}, "go")
	if size < enoughMemory || exec.Command("unshare", append(mounted, "version")...).Run() != nil {
		return exec.Command("go", args...), remove, nil
	}
	cmd = exec.Command("unshare", append(mounted, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	return cmd, remove, nil
}

// availableMemory is what the kernel estimates that programs may still take, in bytes; 0 if unknown.
func availableMemory() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kb); err == nil {
			return kb << 10
		}
	}
	return 0
}
