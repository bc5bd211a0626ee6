package toolchain

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// localJDK is a JDK of the machine's, copied into the store: distributions of Linux scatter its
// configuration and certificates over /etc, which a build does not see, and replace it when they
// update.
type localJDK struct{ st *Store }

func (*localJDK) name() string { return "this machine" }

// homes are the machine's JDKs by version. The first of a version counts.
func (l *localJDK) homes() map[string]string {
	found := map[string]string{}
	for _, place := range l.st.set.LocalJDK {
		homes := []string{place}
		entries, _ := os.ReadDir(place)
		for _, e := range entries {
			homes = append(homes, filepath.Join(place, e.Name()))
		}
		for _, home := range homes {
			if v := jdkHome(home); v != "" && found[v] == "" {
				found[v] = home
			}
		}
	}
	return found
}

// jdkHome is the version of the JDK at a path, "" where there is none that can link runtimes (or,
// up to Java 8, that holds one).
func jdkHome(home string) string {
	f, err := os.Open(filepath.Join(home, "release"))
	if err != nil {
		return ""
	}
	defer f.Close()
	version := ""
	lines := bufio.NewScanner(io.LimitReader(f, 64<<10))
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "JAVA_VERSION="); ok {
			version = javaRelease(strings.Trim(v, `"`))
		}
	}
	for _, needed := range []string{"bin/java", "bin/javac", "bin/jlink"} {
		if jdkFeature(version) < 9 && needed == "bin/jlink" {
			needed = "jre/bin/java"
		}
		if _, err := os.Stat(filepath.Join(home, filepath.FromSlash(needed))); err != nil {
			return ""
		}
	}
	return version
}

func (l *localJDK) find(_ context.Context, w *want) (string, string, error) {
	set := l.st.set
	if len(set.LocalJDK) == 0 {
		return "", "", errDisabled
	}
	have := &listing{}
	for v := range l.homes() {
		have.versions = append(have.versions, v)
	}
	if v, note := w.pick(have); v != "" {
		return v, note, nil
	}
	if len(have.versions) == 0 {
		return "", "", errors.New("it has no JDK")
	}
	slices.SortFunc(have.versions, compareJDK)
	return "", "", fmt.Errorf("it has %s", strings.Join(have.versions, ", "))
}

func (l *localJDK) fetch(ctx context.Context, version string, j *job) (string, error) {
	home := l.homes()[version]
	if home == "" {
		return "", errNoVersion
	}
	c := jdkCopy{ctx: ctx, root: "/", sum: sha256.New()}
	if err := c.dir(home, j.tree, "."); err != nil {
		return "", fmt.Errorf("copying the machine's JDK %s: %w", version, err)
	}
	return "sha256:" + hex.EncodeToString(c.sum.Sum(nil)), finishJDK(j.tree)
}

// jdkCopy copies a JDK. A link is replaced by what it leads to; an absolute one is meant below
// root. One that leads nowhere is left out.
type jdkCopy struct {
	ctx  context.Context
	root string
	sum  hash.Hash // of names, modes and contents
	deep int
}

// dir copies the directory from to the new directory to; rel is its place in the JDK.
func (c *jdkCopy) dir(from, to, rel string) error {
	if c.deep++; c.deep > 32 {
		return fmt.Errorf("copying %q: it is a loop", rel)
	}
	defer func() { c.deep-- }()
	if err := c.ctx.Err(); err != nil {
		return context.Cause(c.ctx)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(rel, e.Name())
		if slices.Contains(needlessJDK, filepath.ToSlash(name)) {
			continue
		}
		source, info, err := c.follow(filepath.Join(from, e.Name()))
		switch target := filepath.Join(to, e.Name()); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case info.IsDir():
			err = c.dir(source, target, name)
		case info.Mode().IsRegular():
			err = c.file(source, target, name, 0o644|info.Mode().Perm()&0o111)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// follow follows links, as they are meant below c.root.
func (c *jdkCopy) follow(path string) (string, fs.FileInfo, error) {
	for range 16 {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, info, err
		}
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil, err
		}
		if filepath.IsAbs(to) {
			path = filepath.Join(c.root, to)
		} else {
			path = filepath.Join(filepath.Dir(path), to)
		}
		if rel, err := filepath.Rel(c.root, path); err != nil || !filepath.IsLocal(rel) {
			return path, nil, fs.ErrNotExist
		}
	}
	return path, nil, fs.ErrNotExist
}

func (c *jdkCopy) file(from, to, rel string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.sum, "%s\x00%o\x00", filepath.ToSlash(rel), mode)
	n, err := io.Copy(io.MultiWriter(out, c.sum), in)
	fmt.Fprintf(c.sum, "\x00%d\x00", n)
	return errors.Join(err, out.Chmod(mode), out.Close())
}
