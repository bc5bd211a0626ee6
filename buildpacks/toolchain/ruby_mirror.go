package toolchain

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// rubyMirror is a directory of prebuilt relocatable Rubies. At its base lies SHA256SUMS, with lines
// as sha256sum(1) writes them, and the tarballs that it names:
//
//	‹sha256›  ruby-3.3.9.tar.gz
//	‹sha256›  ruby-3.3.9-linux-arm64.tgz
//	‹sha256›  ruby-3.4.0.rc1-ubuntu-24.04.tar.gz
//
// After the version a name may say a system, a processor and a distribution; one that says the
// right processor goes before one that says none, and a plain one before one that is meant for some
// distribution. Names may lie in sub-directories ("heroku-24/amd64/ruby-3.3.9.tgz"). The tree
// (bin/, lib/, include/) is at the tarball's top or in one directory of it.
type rubyMirror struct{ st *Store }

func (*rubyMirror) name() string { return "the Ruby mirror" }

func (m *rubyMirror) base() string { return strings.TrimRight(m.st.set.RubyMirror, "/") }

// rubyTarball is one line of SHA256SUMS that serves the platform.
type rubyTarball struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Rank   int    `json:"rank"` // higher is better
}

func (m *rubyMirror) tarballs(ctx context.Context, again bool) (map[string]rubyTarball, bool, error) {
	return list(ctx, m.st, m.base()+"/SHA256SUMS", nil, m.parse, again)
}

func (m *rubyMirror) find(ctx context.Context, w *want) (string, string, error) {
	if m.st.set.RubyMirror == "" || m.st.set.RubyMirror == off {
		return "", "", errDisabled
	}
	for _, again := range []bool{false, true} {
		all, asked, err := m.tarballs(ctx, again)
		if err != nil {
			return "", "", err
		}
		l := &listing{}
		for v := range all {
			l.versions = append(l.versions, v)
		}
		if v, note := w.pick(l); v != "" {
			return v, note, nil
		}
		if asked {
			return "", "", rubiesLike(l.versions)
		}
	}
	return "", "", errNoVersion
}

var rubyTarballName = lazyregexp.New(
	`^ruby-(\d+\.\d+\.\d+)(?:[.-]?((?:preview|rc)\d+))?((?:-[0-9A-Za-z._]+)*)\.(?:tar\.gz|tgz|tar\.xz|txz|tar\.zst)$`,
)

func (m *rubyMirror) parse(r io.Reader) (map[string]rubyTarball, error) {
	found := map[string]rubyTarball{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		sum, name, ok := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		name = strings.TrimPrefix(strings.TrimLeft(name, " *"), "./")
		if !ok || !filepath.IsLocal(name) || strings.ContainsAny(name, "?#%\\") {
			continue
		}
		if b, err := hex.DecodeString(sum); err != nil || len(b) != sha256.Size {
			continue
		}
		parts := rubyTarballName.FindStringSubmatch(name[strings.LastIndex(name, "/")+1:])
		if parts == nil {
			continue
		}
		rank := m.rank(strings.ToLower(strings.TrimSuffix(name, parts[0]) + parts[3]))
		version := parts[1]
		if parts[2] != "" {
			version += "." + parts[2]
		}
		one := rubyTarball{name, strings.ToLower(sum), rank}
		if rank > 0 && better(one, found[version]) {
			found[version] = one
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading SHA256SUMS: %w", err)
	}
	return found, nil
}

func better(a, b rubyTarball) bool {
	if a.Rank != b.Rank {
		return a.Rank > b.Rank
	}
	return a.File > b.File // the newest distribution, and always the same
}

// processors are the names that tarballs have for Go's.
var processors = map[string][]string{"amd64": {"amd64", "x86_64", "x64"}, "arm64": {"arm64", "aarch64"}}

var (
	foreignWords = lazyregexp.New(`darwin|macos|osx|windows|mingw|mswin|musl|alpine|freebsd|jruby|truffleruby`)
	archWords    = lazyregexp.New(`amd64|x86_64|x64|arm64|aarch64|i[36]86|armv\d|riscv64|ppc64|s390x`)
)

// rank says how well what a name says fits the platform: 0 not at all.
func (m *rubyMirror) rank(words string) int {
	if foreignWords.MatchString(words) {
		return 0
	}
	rank := 2
	if arch := archWords.FindString(words); arch != "" {
		if !slices.Contains(processors[m.st.set.Arch], arch) {
			return 0
		}
		rank += 2
		words = strings.Replace(words, arch, "", 1)
	}
	if strings.Trim(strings.ReplaceAll(words, "linux", ""), "-/") != "" {
		rank-- // for a distribution
	}
	return rank
}

func (m *rubyMirror) fetch(ctx context.Context, version string, j *job) (string, error) {
	all, _, err := m.tarballs(ctx, false)
	if err != nil {
		return "", err
	}
	t, ok := all[version]
	if !ok {
		return "", errNoVersion
	}
	packed := filepath.Join(j.temp, filepath.Base(t.File))
	h := sha256.New()
	if err := m.st.web.download(ctx, m.base()+"/"+t.File, nil, packed, j.part(), h); err != nil {
		return "", err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != t.SHA256 {
		return "", &digestError{t.File, "sha256:" + t.SHA256, "sha256:" + got}
	}
	into := filepath.Join(j.temp, "unpacked")
	if err := unpackFile(ctx, packed, into, 0); err != nil {
		return "", fmt.Errorf("unpacking %s: %w", t.File, err)
	}
	top, err := rubyTop(into)
	if err != nil {
		return "", fmt.Errorf("unpacking %s: %w", t.File, err)
	}
	if err := os.Rename(top, j.tree); err != nil {
		return "", err
	}
	return "sha256:" + t.SHA256, finishRuby(j.tree, version)
}

// rubyTop finds the directory that has bin/ruby: the highest, at most three below dir.
func rubyTop(dir string) (string, error) {
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
		return errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir()
	})
	slices.SortStableFunc(found, func(a, b string) int {
		return cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/"))
	})
	if len(found) == 0 {
		return "", errors.New("there is no bin/ruby in it")
	}
	return filepath.Dir(filepath.Dir(found[0])), nil
}
