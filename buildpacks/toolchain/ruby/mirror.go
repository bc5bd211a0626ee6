package ruby

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/toolchain/archive"
	"slugc/buildpacks/toolchain/source"
	"slugc/detect/lazyregexp"
)

// mirror is a directory of prebuilt relocatable Rubies. At its base lies SHA256SUMS, with lines as
// sha256sum(1) writes them, and the tarballs that it names:
//
//	‹sha256›  ruby-3.3.9.tar.gz
//	‹sha256›  ruby-3.3.9-linux-arm64.tgz
//	‹sha256›  ruby-3.4.0.rc1-ubuntu-24.04.tar.gz
//
// After the version a name may say a system, a processor and a distribution; one that says the
// right processor goes before one that says none, and a plain one before one that is meant for some
// distribution. Names may lie in sub-directories ("heroku-24/amd64/ruby-3.3.9.tgz"). The tree
// (bin/, lib/, include/) is at the tarball's top or in one directory of it.
type mirror struct {
	env  *source.Env
	base string
}

func newMirror(env *source.Env, setting string) source.Source {
	m := &mirror{env, source.BaseAddress(setting, "")}
	return &archive.Source{
		Env: env, Label: "the Ruby mirror", Base: m.base, Asks: m.index(),
		Versions: m.versions, Compare: compare, None: none, File: m.file, Place: place,
	}
}

func (m *mirror) index() string { return m.base + "/SHA256SUMS" }

// tarball is one line of SHA256SUMS that serves the platform.
type tarball struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Rank   int    `json:"rank"` // higher is better
}

func (m *mirror) tarballs(ctx context.Context, again bool) (map[string]tarball, bool, error) {
	return source.Document[map[string]tarball]{Addr: m.index(), Parse: m.parse}.List(ctx, m.env, again)
}

func (m *mirror) versions(ctx context.Context, _ *source.Constraint, again bool) (source.Listing, bool, error) {
	all, asked, err := m.tarballs(ctx, again)
	return source.Listing{Versions: slices.Collect(maps.Keys(all))}, asked, err
}

func (m *mirror) file(ctx context.Context, version string) (archive.File, error) {
	all, _, err := m.tarballs(ctx, false)
	if err != nil {
		return archive.File{}, err
	}
	t, ok := all[version]
	if !ok {
		return archive.File{}, source.ErrNoVersion
	}
	return archive.File{Name: t.File, Addr: m.base + "/" + t.File, SHA256: t.SHA256}, nil
}

var tarballName = lazyregexp.New(
	`^ruby-(\d+\.\d+\.\d+)(?:[.-]?((?:preview|rc)\d+))?((?:-[0-9A-Za-z._]+)*)\.(?:tar\.gz|tgz|tar\.xz|txz|tar\.zst)$`,
)

func (m *mirror) parse(r io.Reader) (map[string]tarball, error) {
	sums, err := archive.Sums(r, "SHA256SUMS")
	if err != nil {
		return nil, err
	}
	found := map[string]tarball{}
	for _, s := range sums {
		parts := tarballName.FindStringSubmatch(s.File[strings.LastIndex(s.File, "/")+1:])
		if parts == nil {
			continue
		}
		version := parts[1]
		if parts[2] != "" {
			version += "." + parts[2]
		}
		words := strings.ToLower(strings.TrimSuffix(s.File, parts[0]) + parts[3])
		one := tarball{s.File, s.SHA256, m.rank(words)}
		if one.Rank > 0 && better(one, found[version]) {
			found[version] = one
		}
	}
	return found, nil
}

func better(a, b tarball) bool {
	if a.Rank != b.Rank {
		return a.Rank > b.Rank
	}
	return a.File > b.File // the newest distribution, and always the same
}

// processors are the names that tarballs have for Go's.
var processors = map[string][]string{"amd64": {"amd64", "x86_64", "x64"}, "arm64": {"arm64", "aarch64"}}

var (
	foreignWords   = lazyregexp.New(`darwin|macos|osx|windows|mingw|mswin|musl|alpine|freebsd|jruby|truffleruby`)
	processorWords = lazyregexp.New(`amd64|x86_64|x64|arm64|aarch64|i[36]86|armv\d|riscv64|ppc64|s390x`)
)

// rank says how well the words of a name fit the platform: 0 not at all.
func (m *mirror) rank(words string) int {
	if foreignWords.MatchString(words) {
		return 0
	}
	rank := 2
	if processor := processorWords.FindString(words); processor != "" {
		if !slices.Contains(processors[m.env.Arch], processor) {
			return 0
		}
		rank += 2
		words = strings.Replace(words, processor, "", 1)
	}
	if strings.Trim(strings.ReplaceAll(words, "linux", ""), "-/") != "" {
		rank-- // for a distribution
	}
	return rank
}

// place makes the tree of a mirror's tarball.
func place(ctx context.Context, path, version string, j *source.Job) error {
	into := filepath.Join(j.Temp, "unpacked")
	if err := archive.Unpack(ctx, path, into, 0); err != nil {
		return err
	}
	top, err := topOf(into)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(top, j.Tree); err != nil {
		return err
	}
	return finish(j.Tree, version)
}

// topOf finds the directory that has bin/ruby: the highest, at most three below dir.
func topOf(dir string) (string, error) {
	var found []string
	for _, pattern := range []string{"bin/ruby", "*/bin/ruby", "*/*/bin/ruby", "*/*/*/bin/ruby"} {
		names, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			return "", err
		}
		found = append(found, names...)
	}
	found = slices.DeleteFunc(found, func(name string) bool {
		info, err := os.Lstat(name)
		return err != nil || info.IsDir()
	})
	if len(found) == 0 {
		return "", errors.New("there is no bin/ruby in it")
	}
	slices.SortStableFunc(found, func(a, b string) int {
		return cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/"))
	})
	return filepath.Dir(filepath.Dir(found[0])), nil
}
