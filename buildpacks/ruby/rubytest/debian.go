package rubytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// fetch downloads the packages and puma's source with the machine's apt, by the private state that the toolchain store keeps, and unpacks each into a
// directory of its own.
func fetch(work string) ([]string, error) {
	dir, err := cacheDir()
	if err != nil {
		return nil, err
	}
	debs, sources := filepath.Join(work, "debs"), filepath.Join(work, "sources")
	for _, d := range []string{debs, sources, filepath.Join(work, "lists", "partial"), filepath.Join(work, "parts")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	if err := sourceLists(filepath.Join(work, "parts")); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "home-toolchains", ".apt", "apt.conf")
	if _, err := os.Stat(conf); err != nil { // the Ruby was there before: nobody has asked apt yet
		return nil, err
	}
	binary := []string{"-c", conf, "-q"}
	source := append(binary, "-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts="+filepath.Join(work, "parts"),
		"-o", "Dir::State::lists="+filepath.Join(work, "lists"), "-o", "Dir::Cache="+filepath.Join(work, "cache"), "-o", "Acquire::IndexTargets::deb-src::Sources::DefaultEnabled=true")
	for _, step := range []struct {
		dir  string
		args []string
	}{
		{debs, append(binary[:3:3], "update")},
		{debs, append(append(binary[:3:3], "download"), packages...)},
		{sources, append(source[:len(source):len(source)], "update")},
		{sources, append(source[:len(source):len(source)], "source", "--download-only", pumaSource)},
	} {
		cmd := exec.Command("apt-get", step.args...)
		cmd.Dir = step.dir
		if err := run(cmd); err != nil {
			return nil, err
		}
	}
	return unpack(work, debs, sources)
}

func unpack(work, debs, sources string) (trees []string, err error) {
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		tree := filepath.Join(work, "trees", filepath.Base(file))
		if err := os.MkdirAll(tree, 0o755); err != nil {
			return nil, err
		}
		if err := run(exec.Command("dpkg-deb", "-x", file, tree)); err != nil {
			return nil, err
		}
		trees = append(trees, tree)
	}
	archives, err := filepath.Glob(filepath.Join(sources, "*.orig.tar.*"))
	if err != nil {
		return nil, err
	}
	for _, file := range archives {
		tree := filepath.Join(work, "trees", "source-"+filepath.Base(file))
		if err := os.MkdirAll(tree, 0o755); err != nil {
			return nil, err
		}
		if err := run(exec.Command("tar", "-xf", file, "-C", tree, "--strip-components=1")); err != nil {
			return nil, err
		}
		trees = append(trees, tree)
	}
	return trees, nil
}

var (
	types   = regexp.MustCompile(`(?m)^Types:.*$`)
	oneLine = regexp.MustCompile(`(?m)^deb(-src)?\s`)
)

// sourceLists writes the machine's package sources as sources of source packages.
func sourceLists(dir string) error {
	files, err := filepath.Glob("/etc/apt/sources.list.d/*")
	if err != nil {
		return err
	}
	for _, file := range append(files, "/etc/apt/sources.list") {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		switch name := filepath.Base(file); filepath.Ext(name) {
		case ".sources":
			err = os.WriteFile(filepath.Join(dir, name), types.ReplaceAll(text, []byte("Types: deb-src")), 0o644)
		case ".list":
			err = os.WriteFile(filepath.Join(dir, name), oneLine.ReplaceAll(text, []byte("deb-src ")), 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
