package rubytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
)

// fetch downloads the packages and puma's source with the machine's apt, whose state is in work,
// and unpacks each into a directory of its own.
func fetch(work string) ([]string, error) {
	debs, sources := filepath.Join(work, "debs"), filepath.Join(work, "sources")
	for _, d := range []string{debs, sources, filepath.Join(work, "state", "lists", "partial"),
		filepath.Join(work, "cache", "archives", "partial"), filepath.Join(work, "parts")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	if err := sourceLists(filepath.Join(work, "parts")); err != nil {
		return nil, err
	}
	private := []string{"-c", filepath.Join(work, "apt.conf"), "-q", "-o",
		"Dir::State=" + filepath.Join(work, "state"), "-o", "Dir::State::status=" + filepath.Join(work, "status"),
		"-o", "Dir::Cache=" + filepath.Join(work, "cache"), "-o", "APT::Sandbox::User=root", "-o",
		"Acquire::Languages=none", "-o", "Dir::Etc::sourcelist=/dev/null", "-o",
		"Dir::Etc::sourceparts=" + filepath.Join(work, "parts")}
	if err := os.WriteFile(filepath.Join(work, "status"), nil, 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(work, "apt.conf"),
		[]byte("#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"),
		0o644); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		dir  string
		args []string
	}{
		{debs, []string{"update"}},
		{debs, append([]string{"download"}, packages...)},
		{sources, []string{"source", "--download-only", pumaSource}},
	} {
		cmd := exec.Command("apt-get", slices.Concat(private, step.args)...)
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

// sourceLists writes the machine's package sources as sources of packages and of their sources.
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
			err = os.WriteFile(filepath.Join(dir, name), types.ReplaceAll(text, []byte("Types: deb deb-src")), 0o644)
		case ".list":
			err = os.WriteFile(filepath.Join(dir, name),
				append(text, oneLine.ReplaceAll(text, []byte("deb-src "))...), 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
