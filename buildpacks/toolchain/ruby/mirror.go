package ruby

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/toolchain/archive"
	"slugc/buildpacks/toolchain/source"
	"slugc/detect/lazyregexp"
)

// newMirror returns the source for a directory of prebuilt relocatable Rubies. At its base lies
// SHA256SUMS, with lines as sha256sum(1) writes them, and the tarballs that it names:
//
//	‹sha256›  ruby-3.3.9.tar.gz
//	‹sha256›  ruby-3.3.9-linux-arm64.tgz
//	‹sha256›  ruby-3.4.0.rc1-ubuntu-24.04.tar.gz
//
// After the version a name may state a system, a processor and a distribution. One that states the
// right processor goes before one that states none, and a plain one before one for a distribution.
// Names may be in sub-directories ("heroku-24/amd64/ruby-3.3.9.tgz"). The tree (bin/, lib/,
// include/) is at the tarball's top or in one directory of it.
func newMirror(env *source.Env, setting string) source.Source {
	base := source.BaseAddress(setting, "")
	sums := base + "/SHA256SUMS"
	parse := func(r io.Reader) (map[string]archive.Entry, error) { return parseSums(r, env.Arch) }
	index := archive.Index{Env: env, Base: base, Addr: sums, Parse: parse}
	return &archive.Source{
		Env: env, Label: "the Ruby mirror", Base: base, Asks: sums,
		Versions: index.Versions, Compare: compare, None: none, File: index.File, Place: place,
	}
}

var tarballName = lazyregexp.New(
	`^ruby-(\d+\.\d+\.\d+)(?:[.-]?((?:preview|rc)\d+))?((?:-[0-9A-Za-z._]+)*)\.(?:tar\.gz|tgz|tar\.xz|txz|tar\.zst)$`,
)

// parseSums reads which tarball each version has for a processor.
func parseSums(r io.Reader, arch string) (map[string]archive.Entry, error) {
	sums, err := archive.Sums(r, "SHA256SUMS")
	if err != nil {
		return nil, err
	}
	found := map[string]archive.Entry{}
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
		one := archive.Entry{File: s.File, SHA256: s.SHA256, Rank: rank(words, arch)}
		if one.Rank > 0 && better(one, found[version]) {
			found[version] = one
		}
	}
	return found, nil
}

func better(a, b archive.Entry) bool {
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

// rank is how well the words of a name suit Linux on a processor: 0 not at all.
func rank(words, arch string) int {
	if foreignWords.MatchString(words) {
		return 0
	}
	rank := 2
	if processor := processorWords.FindString(words); processor != "" {
		if !slices.Contains(processors[arch], processor) {
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
