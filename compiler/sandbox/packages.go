package sandbox

import (
	"os"
	"path/filepath"

	"slugc/cache/disk"
	"slugc/detect/lazyregexp"
)

// Packages returns binds with which a child can fetch the packages of the machine's distribution as apt-get does
// that has its state and cache elsewhere: the package sources, their keys and lists, and which packages are
// installed. All are read-only. Files that could hold a password or that make apt run commands are left out. On a
// machine without apt there are none.
//
// dir is a directory of the caller's, to which Packages writes what stands for files that the machine does not
// have.
func Packages(dir string) ([]Bind, error) {
	if _, err := os.Stat("/usr/bin/apt-get"); err != nil {
		return nil, nil
	}
	none := filepath.Join(dir, "none")
	if err := os.MkdirAll(none, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "sources.list")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		return nil, err
	}
	binds := []Bind{{Host: file, Inside: "/etc/apt/sources.list"}}
	for _, path := range existing(aptFiles) {
		if harmless(path) {
			binds = append(binds, Bind{Host: path, Inside: path})
		}
	}
	for _, parts := range aptParts {
		binds = append(binds, partsBinds(parts, none)...)
	}
	return binds, nil
}

// partsBinds shows a directory of settings: as it is, or its harmless files alone. Where there are none, or no
// directory, an empty one stands for it.
func partsBinds(dir, none string) (binds []Bind) {
	files := existing([]string{dir + "/*"})
	for _, path := range files {
		if harmless(path) {
			binds = append(binds, Bind{Host: path, Inside: path})
		}
	}
	switch {
	case len(binds) == 0:
		return []Bind{{Host: none, Inside: dir}}
	case len(binds) == len(files):
		return []Bind{{Host: dir, Inside: dir}}
	}
	return binds
}

// aptFiles and aptParts are what apt reads (apt.conf(5), sources.list(5), apt_preferences(5)). Its passwords are in
// auth.conf. It misses the parts, directories of settings, if they are not there.
var (
	aptFiles = []string{
		"/etc/apt/sources.list", "/etc/apt/trusted.gpg", "/etc/apt/keyrings", "/var/lib/dpkg/status",
		"/var/lib/apt/lists",
	}
	aptParts = []string{
		"/etc/apt/apt.conf.d", "/etc/apt/preferences.d", "/etc/apt/sources.list.d", "/etc/apt/trusted.gpg.d",
	}
)

// maxAptFile is the most bytes of a file of settings.
const maxAptFile = 1 << 20

// notForChildren matches a password in an address, or in a setting's name, and settings that run commands.
var notForChildren = lazyregexp.New(`(?i)://[^/\s"]*@|password|passwd|token|authorization|invoke|pre-install-pkgs`)

// harmless reports whether a child may read a file of apt's. What is not below /etc holds no settings.
func harmless(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || !within(path, "/etc") {
		return err == nil
	}
	data, err := disk.ReadRegular(path, maxAptFile)
	return err == nil && !notForChildren.Match(data)
}
