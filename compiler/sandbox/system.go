package sandbox

import (
	"path/filepath"
	"strings"
)

// systemDirs are the directories of the host that a child may read besides its binds. /opt, /srv, /var,
// /home and /root are not among them.
var systemDirs = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// systemConfig are the only files and directories in /etc that a child may read. They hold no secrets:
// shadow, sudoers and ssh are not here, nor the package managers' settings, which may hold tokens. Of ssl
// and pki a child sees only the certificates, because root's children could read the private keys.
var systemConfig = []string{
	"/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/crypto-policies",
	"/etc/pki/tls/certs", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust/extracted", "/etc/pki/java",
	"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/java-*", "/etc/maven",
	"/etc/localtime", "/etc/timezone", "/etc/mime.types", "/etc/fonts", "/etc/os-release", "/etc/debian_version",
}

// systemAccounts are replaced at level bubblewrap; at level landlock the child reads the host's own.
var systemAccounts = []string{"/etc/passwd", "/etc/group", "/etc/hosts"}

// devices are the only device nodes a child may use.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}

// existing expands the patterns to the paths that the host has.
func existing(patterns []string) []string {
	var found []string
	for _, pattern := range patterns {
		paths, _ := filepath.Glob(pattern) // the only error is a bad pattern, and ours are constants
		found = append(found, paths...)
	}
	return found
}

// within reports whether path is dir or lies beneath it. Both are clean and absolute.
func within(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}

// lookupEnv returns the last value of name in env.
func lookupEnv(env []string, name string) (value string, found bool) {
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value, found = v, true
		}
	}
	return value, found
}

// setEnv returns env with name set to value, once.
func setEnv(env []string, name, value string) []string {
	kept := make([]string, 0, len(env)+1)
	for _, entry := range env {
		if !strings.HasPrefix(entry, name+"=") {
			kept = append(kept, entry)
		}
	}
	return append(kept, name+"="+value)
}
