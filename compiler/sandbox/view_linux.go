package sandbox

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"slugc/compiler/sandbox/seccomp"
)

// The child's user inside, whoever runs slugc.
const (
	insideUser = "slugc"
	insideID   = "1000"
	insideHome = "/home/slugc"
)

// Sizes of the directories in memory, in bytes. /tmp is the largest because compilers put their
// intermediate files there. A bind at /tmp puts it on disk.
const (
	sizeTmp  = 4 << 30
	sizeHome = 256 << 20
	sizeShm  = 256 << 20
)

// In /proc, root's children own files that they must not write (a core pattern runs programs on the
// host). They have no need to read the others.
var (
	procReadOnly = []string{
		"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/mtrr", "/proc/acpi",
		"/proc/scsi", "/proc/driver",
	}
	procHidden = []string{
		"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats",
		"/proc/kallsyms",
	}
)

// fdList collects the files that a child process inherits, from number 3 on.
type fdList struct {
	files []*os.File
	err   error // the first
}

// add makes a file in memory with this content, and returns its number in the child.
func (l *fdList) add(content string) string {
	number := strconv.Itoa(3 + len(l.files))
	fd, err := unix.MemfdCreate("sandbox", unix.MFD_CLOEXEC)
	if err == nil {
		f := os.NewFile(uintptr(fd), "sandbox")
		l.files = append(l.files, f)
		if _, err = f.WriteString(content); err == nil {
			_, err = f.Seek(0, 0)
		}
	}
	if err != nil && l.err == nil {
		l.err = err
	}
	return number
}

// addFilter makes a file of the filter of system calls, which may permit new network namespaces.
func (l *fdList) addFilter(newNetwork bool) string {
	program, err := seccomp.Program(seccomp.Options{NewNetwork: newNetwork})
	if err != nil && l.err == nil {
		l.err = err
	}
	return l.add(string(program))
}

func (l *fdList) close() {
	for _, f := range l.files {
		f.Close()
	}
}

// bwrapArgs returns bubblewrap's options. Their order matters: a later mount covers an earlier one.
func (s *Sandbox) bwrapArgs(spec Spec, files *fdList) []string {
	home, _ := lookupEnv(spec.Env, "HOME")
	args := []string{
		"--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
		"--uid", insideID, "--gid", insideID, "--hostname", insideUser,
	}
	if spec.Network {
		args = append(args, "--share-net")
	}
	if spec.Steps {
		// bubblewrap's own first process would have the network, and a step could trace it.
		args = append(args, "--as-pid-1")
	}
	if spec.Steps && s.leavesCapabilities() {
		args = append(args, "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_NET_ADMIN")
	}
	if s.noNesting {
		args = append(args, "--disable-userns")
	}
	args = append(args, systemArgs()...)
	known := accounts(home)
	for _, path := range systemAccounts {
		args = append(args, "--perms", "0444", "--ro-bind-data", files.add(known[path]), path)
	}
	args = append(args, procArgs()...)
	args = append(args, "--dev", "/dev")
	args = append(args, tmpfs("/dev/shm", sizeShm, "1777")...)
	args = append(args, "--remount-ro", "/dev")
	args = append(args, tmpfs("/tmp", sizeTmp, "1777")...)
	args = append(args, "--dir", "/var", "--symlink", "../tmp", "/var/tmp")
	if clean(home) && home != "/" && !within(home, "/tmp") && !(Bind{Inside: home}).insideAny(spec.Binds) {
		args = append(args, tmpfs(home, sizeHome, "0700")...)
	}
	for _, bind := range spec.Binds {
		option := "--ro-bind"
		if bind.Writable {
			option = "--bind"
		}
		args = append(args, option, bind.Host, bind.Inside)
	}
	args = append(args, "--remount-ro", "/", "--chdir", spec.Dir, "--clearenv")
	for _, entry := range spec.Env {
		name, value, _ := strings.Cut(entry, "=")
		args = append(args, "--setenv", name, value)
	}
	return args
}

// leavesCapabilities reports whether bubblewrap can leave capabilities to a child: one that is setuid refuses.
func (s *Sandbox) leavesCapabilities() bool {
	info, err := os.Stat(s.bwrap)
	return err == nil && info.Mode()&os.ModeSetuid == 0
}

// tmpfs makes a directory in memory, of a size in bytes.
func tmpfs(path string, size int, perms string) []string {
	return []string{"--perms", perms, "--size", strconv.Itoa(size), "--tmpfs", path}
}

// procArgs makes a /proc of the child's own processes.
func procArgs() []string {
	args := []string{"--proc", "/proc"}
	for _, path := range existing(procReadOnly) {
		args = append(args, "--ro-bind", path, path)
	}
	for _, path := range existing(procHidden) {
		args = append(args, "--ro-bind", os.DevNull, path)
	}
	return args
}

// systemArgs shows the host's system directories, those that are links as links.
func systemArgs() []string {
	var a []string
	for _, dir := range existing(systemDirs) {
		if target, err := os.Readlink(dir); err == nil {
			a = append(a, "--symlink", target, dir)
		} else {
			a = append(a, "--ro-bind", dir, dir)
		}
	}
	for _, path := range existing(systemConfig) {
		a = append(a, "--ro-bind-try", path, path)
	}
	return a
}

// accounts returns the content of the files of /etc that say who the child is, by path.
func accounts(home string) map[string]string {
	if !clean(home) || strings.ContainsAny(home, ":\n") {
		home = insideHome
	}
	hosts, err := os.ReadFile("/etc/hosts")
	if err != nil {
		hosts = []byte("127.0.0.1 localhost\n::1 localhost\n")
	}
	return map[string]string{
		"/etc/passwd": "root:x:0:0:root:/root:/usr/sbin/nologin\n" +
			insideUser + ":x:" + insideID + ":" + insideID + ":" + insideUser + ":" + home + ":/bin/sh\n" +
			"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"/etc/group": "root:x:0:\n" + insideUser + ":x:" + insideID + ":\nnogroup:x:65534:\n",
		"/etc/hosts": strings.TrimRight(string(hosts), "\n") + "\n127.0.0.1 " + insideUser + "\n",
	}
}
