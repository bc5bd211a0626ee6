package rubytest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
)

// noHooks turns off hooks of apt that need other rights than a test has.
const noHooks = "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n" +
	"#clear APT::Update::Post-Invoke-Success;\n"

// fetch downloads the packages and puma's source with the machine's apt, with its state in work,
// and unpacks each into its own directory.
func fetch(work string) ([]string, error) {
	debs, sources := filepath.Join(work, "debs"), filepath.Join(work, "sources")
	state, cache, parts := filepath.Join(work, "state"), filepath.Join(work, "cache"), filepath.Join(work, "parts")
	for _, dir := range []string{debs, sources, parts, filepath.Join(state, "lists", "partial"),
		filepath.Join(cache, "archives", "partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	config, status := filepath.Join(work, "apt.conf"), filepath.Join(work, "status")
	err := errors.Join(sourceLists(parts), os.WriteFile(status, nil, 0o644),
		os.WriteFile(config, []byte(noHooks), 0o644))
	if err != nil {
		return nil, err
	}
	private := []string{"-c", config, "-q", "-o", "Dir::State=" + state, "-o", "Dir::State::status=" + status,
		"-o", "Dir::Cache=" + cache, "-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none",
		"-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts=" + parts}
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

// sourceLists writes the machine's package sources into dir, with source packages enabled.
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
