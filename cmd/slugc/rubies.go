package main

import (
	"os"
	"os/exec"
	"path/filepath"

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
