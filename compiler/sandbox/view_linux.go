package sandbox

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What the child is inside, whoever runs slugc.
const (
	insideUser = "slugc"
	insideID   = "1000"
	insideHome = "/home/slugc"
)

// Sizes of the directories in memory. /tmp is the larger because compilers put their work there; a
// bind at /tmp puts it on disk.
const (
	sizeTmp  = 4 << 30
	sizeHome = 256 << 20
	sizeShm  = 256 << 20
)

// Of /proc: root's children own what they must not write (a core pattern runs programs on the
// host), and have no need to read the rest.
var (
	procReadOnly = []string{
		"/proc/sys",
		"/proc/sysrq-trigger",
		"/proc/irq",
		"/proc/bus",
		"/proc/fs",
		"/proc/mtrr",
		"/proc/acpi",
		"/proc/scsi",
		"/proc/driver",
	}
	procHidden = []string{
		"/proc/kcore",
		"/proc/keys",
		"/proc/timer_list",
		"/proc/sched_debug",
		"/proc/latency_stats",
		"/proc/kallsyms",
	}
)

// fdList collects the files a child process inherits from number 3 on.
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

func (l *fdList) close() {
	for _, f := range l.files {
		f.Close()
	}
}

// bwrapArgs lays out the child's world. Order matters: what comes later lies on top.
func (s *Sandbox) bwrapArgs(spec Spec, files *fdList) []string {
	home, _ := lookupEnv(spec.Env, "HOME")
	a := []string{
		"--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
		"--uid", insideID, "--gid", insideID, "--hostname", insideUser,
	}
	if spec.Network {
		a = append(a, "--share-net")
	}
	if s.noNesting {
		a = append(a, "--disable-userns")
	}
	a = append(a, systemArgs()...)
	known := accounts(home)
	for _, path := range systemAccounts {
		a = append(a, "--perms", "0444", "--ro-bind-data", files.add(known[path]), path)
	}
	a = append(a, "--proc", "/proc")
	for _, path := range existing(procReadOnly) {
		a = append(a, "--ro-bind", path, path)
	}
	for _, path := range existing(procHidden) {
		a = append(a, "--ro-bind", os.DevNull, path)
	}
	a = append(
		a,
		"--dev",
		"/dev",
		"--perms",
		"1777",
		"--size",
		strconv.Itoa(sizeShm),
		"--tmpfs",
		"/dev/shm",
		"--remount-ro",
		"/dev",
	)
	a = append(
		a,
		"--perms",
		"1777",
		"--size",
		strconv.Itoa(sizeTmp),
		"--tmpfs",
		"/tmp",
		"--dir",
		"/var",
		"--symlink",
		"../tmp",
		"/var/tmp",
	)
	if clean(home) && home != "/" && !within(home, "/tmp") && !(Bind{Inside: home}).insideAny(spec.Binds) {
		a = append(a, "--perms", "0700", "--size", strconv.Itoa(sizeHome), "--tmpfs", home)
	}
	for _, bind := range spec.Binds {
		how := "--ro-bind"
		if bind.Writable {
			how = "--bind"
		}
		a = append(a, how, bind.Host, bind.Inside)
	}
	a = append(a, "--remount-ro", "/", "--chdir", spec.Dir, "--clearenv")
	for _, entry := range spec.Env {
		name, value, _ := strings.Cut(entry, "=")
		a = append(a, "--setenv", name, value)
	}
	return a
}

// systemArgs shows the host's system directories, as links where they are links.
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

// accounts are the files of /etc that must say who the child is.
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
