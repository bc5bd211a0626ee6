package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"slugc/buildpacks/toolchain"
)

// debian says where Debian's programs are, on a machine that has them, and by which proxies they
// reach its package sources.
func (e environment) debian() toolchain.Debian {
	const bin = "/usr/bin"
	if _, err := os.Stat(filepath.Join(bin, "apt-get")); err != nil {
		return toolchain.Debian{}
	}
	d := toolchain.Debian{Bin: bin}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		if v := e.vars[name]; v != "" {
			d.Env = append(d.Env, name+"="+v)
		}
	}
	return d
}

// localRuby is the path of the machine's Ruby, "" for none.
func (e environment) localRuby() string {
	path, err := exec.LookPath("ruby")
	if err != nil {
		return ""
	}
	return path
}

// localJDK lists where this machine may have JDKs: JAVA_HOME, then where Linux distributions put
// them.
func (e environment) localJDK() []string {
	list := []string{"/usr/lib/jvm"}
	if home := e.vars["JAVA_HOME"]; filepath.IsAbs(home) {
		list = append([]string{home}, list...)
	}
	return list
}

// distribution returns ID and VERSION_ID of os-release(5).
func distribution() (name, release string) {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "linux", ""
	}
	for l := range strings.Lines(string(data)) {
		k, v, _ := strings.Cut(strings.TrimSpace(l), "=")
		switch v = strings.Trim(v, `"'`); k {
		case "ID":
			name = v
		case "VERSION_ID":
			release = v
		}
	}
	return name, release
}
