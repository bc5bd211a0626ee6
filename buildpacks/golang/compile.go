package golang

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/cache/digest"
)

// binDir is where binaries go, relative to the app's root.
const binDir = "bin"

// compile compiles all main packages, with one go command where it can, into a cache layer. Binaries of the last
// build spare the linker: the go command compares the build id in the file with the one it would
// write, and keeps the file where they agree.
func (b *work) compile() error {
	flags, err := b.tagsAndLinker(b.flags)
	if err != nil {
		return err
	}
	if err := b.keepOnly(b.binaries); err != nil {
		return err
	}
	b.Log.Step("Compiling %s with Go %s", count(len(b.mains), "package"), b.goTool.Version)
	if b.vendored() {
		b.Log.Detail("Dependencies come from vendor/")
	}
	var paths []string
	for _, m := range b.mains {
		paths = append(paths, m.path)
	}
	if b.Log.Separates() {
		// To list what is compiled fetches exactly that, and runs nothing.
		if _, err := b.goCommand(slices.Concat([]string{"list", "-deps", flags[0], "--"}, paths)...); err != nil {
			return err
		}
	}
	for _, targets := range b.targets(paths) {
		argv := slices.Concat([]string{"build", "-v"}, flags, targets)
		if b.Log.Separates() {
			_, err = b.goOnce(command.Command{Args: argv, Offline: true})
		} else {
			_, err = b.goCommand(argv...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// targets returns the end of the command line of each go command: where to write what. Before Go
// 1.13 one command writes one binary.
func (b *work) targets(paths []string) (all [][]string) {
	if since(b.goTool.Version, "1.13") {
		return [][]string{append([]string{"-o", b.binaries + string(filepath.Separator), "--"}, paths...)}
	}
	for _, m := range b.mains {
		all = append(all, []string{"-o", filepath.Join(b.binaries, m.name), "--", m.path})
	}
	return all
}

// digestPrefix starts a key of the binaries layer's metadata: the digest of the binary of that
// name, as the last build left it.
const digestPrefix = "sha256:"

// keepOnly removes from the layer of binaries what is not one of this build, or not what the last
// build recorded: the go command would trust the build id in a file that was cut short.
func (b *work) keepOnly(dir string) error {
	layer := b.Contributed("binaries")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the kept binaries: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		path := filepath.Join(dir, name)
		wanted := slices.ContainsFunc(b.mains, func(m mainPackage) bool { return m.name == name })
		if wanted && entry.Type().IsRegular() {
			if d, _, err := digest.File(path); err == nil && layer.Metadata[digestPrefix+name] == d.Hex() {
				continue
			}
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing a kept binary: %w", err)
		}
	}
	layer.Metadata = map[string]any{}
	return nil
}

// installBinaries puts the binaries into the app's bin directory. Other files there stay. The app
// is not trusted: bin may be a link that leads elsewhere.
func (b *work) installBinaries() error {
	return b.inRoot(func(root *os.Root) error {
		if err := checkBin(root); err != nil {
			return err
		}
		if err := root.MkdirAll(binDir, 0o755); err != nil {
			return fmt.Errorf("making %q: %w", binDir, err)
		}
		var built []string
		for _, m := range b.mains {
			name := filepath.Join(binDir, m.name)
			if err := checkReplaceable(root, name, m); err != nil {
				return err
			}
			d, err := copyInto(root, name, filepath.Join(b.binaries, m.name))
			if err != nil {
				return fmt.Errorf("installing %q: %w", name, err)
			}
			b.Contributed("binaries").Metadata[digestPrefix+m.name] = d.Hex()
			built = append(built, name)
		}
		b.Log.Step("Built %s", strings.Join(built, ", "))
		return nil
	})
}

// checkReplaceable refuses to replace what is not a binary, such as a script that somebody wrote.
func checkReplaceable(root *os.Root, name string, m mainPackage) error {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at %q: %w", name, err)
	}
	if info.Mode().IsRegular() {
		f, err := root.Open(name)
		if err != nil {
			return fmt.Errorf("looking at %q: %w", name, err)
		}
		defer f.Close()
		magic := make([]byte, 4)
		if _, err := io.ReadFull(f, magic); err == nil && string(magic) == "\x7fELF" {
			return nil
		}
	}
	return &diagnosis.Diagnosis{
		ID: "go/binary-name-taken", Place: name,
		Summary: fmt.Sprintf("The app has its own %s, where the binary of %s belongs.", name, m.shown()),
		Hints:   []string{fmt.Sprintf("rename or remove %s, or rename the package's directory", name)},
	}
}

// checkBin refuses a bin that is no directory of the app.
func checkBin(root *os.Root) error {
	info, err := root.Stat(binDir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil
	}
	return &diagnosis.Diagnosis{
		ID: "go/bin-is-a-file", Place: binDir,
		Summary: "bin is a file or a link out of the app, and the binaries need a directory of that name.",
		Hints:   []string{"remove or rename bin, and list it in .gitignore if your own build makes it"},
	}
}

// copyInto copies a file to name below root, under a temporary name first, and returns the
// content's digest.
func copyInto(root *os.Root, name, file string) (digest.Digest, error) {
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	tmp := name + ".new~"
	if err := root.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	out, err := root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), in)
	if err = errors.Join(err, out.Chmod(0o755), out.Close()); err != nil {
		return "", errors.Join(err, root.Remove(tmp))
	}
	return digest.Sum(h), root.Rename(tmp, name)
}

// count returns "1 package", "2 packages".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
