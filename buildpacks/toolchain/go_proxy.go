package toolchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"
)

const goModule = "golang.org/toolchain"

// goProxy is the module golang.org/toolchain through the configured module proxies: what the go
// command itself downloads.
type goProxy struct{ st *Store }

func (*goProxy) name() string { return "go module proxy" }

// goTool is Go: through the module proxies, from a go.dev/dl-layout distribution, or as it is on
// the machine.
func goTool(st *Store) *tool {
	return &tool{parse: parseGo, compare: compareGo, sources: []source{&goProxy{st}, &goDist{st}, &localGo{st}}}
}

// proxyBase is one entry of GOPROXY.
type proxyBase struct {
	base string
	any  bool // the next entry is tried after any error, not only after 404 and 410
}

var errProxyOff = errors.New("GOPROXY is off")

func proxyBases(goproxy string) []proxyBase {
	var list []proxyBase
	for goproxy != "" {
		end := strings.IndexAny(goproxy, ",|")
		entry, anyErr := goproxy, false
		if end >= 0 {
			entry, anyErr, goproxy = goproxy[:end], goproxy[end] == '|', goproxy[end+1:]
		} else {
			goproxy = ""
		}
		if entry = strings.TrimRight(strings.TrimSpace(entry), "/"); entry != "" {
			list = append(list, proxyBase{entry, anyErr})
		}
	}
	return list
}

// each calls do with the proxies' bases until one serves, by the go command's rule. "direct" has no
// meaning here: the distribution of the next source is the toolchain's origin.
func (g *goProxy) each(do func(base string) error) error {
	bases := proxyBases(g.st.set.GoProxy)
	if len(bases) == 0 || len(bases) == 1 && bases[0].base == "direct" {
		return errDisabled
	}
	var last error
	for _, b := range bases {
		switch b.base {
		case off:
			if last == nil {
				last = errProxyOff
			}
			return last
		case "direct":
			continue
		}
		err := do(b.base)
		if err == nil {
			return nil
		}
		if last == nil || !absent(err) {
			last = err
		}
		if !b.any && !absent(err) {
			return err
		}
	}
	return last
}

func (g *goProxy) moduleVersion(v string) string {
	return fmt.Sprintf("v0.0.1-go%s.%s-%s", v, g.st.set.OS, g.st.set.Arch)
}

func (g *goProxy) at(base, v, ext string) string {
	return base + "/" + goModule + "/@v/" + g.moduleVersion(v) + ext
}

func (g *goProxy) find(ctx context.Context, w *want) (string, string, error) {
	var versions []string
	for _, again := range []bool{false, true} {
		var asked bool
		err := g.each(func(base string) (err error) {
			versions, asked, err = list(ctx, g.st, base+"/"+goModule+"/@v/list", nil, g.parse, again)
			return err
		})
		if refused(err) || err == nil && len(versions) == 0 && asked {
			return g.probe(ctx, w)
		}
		if err != nil {
			return "", "", err
		}
		if v, note := w.pick(&listing{versions: versions}); v != "" {
			return v, note, nil
		}
		if asked {
			break
		}
	}
	// A list names what the proxy has seen; it may serve more.
	if w.exact != "" {
		if ok, err := g.has(ctx, w.exact); ok || err != nil {
			return w.exact, "", err
		}
	}
	return "", "", &noVersion{nearest(versions, w.text, compareGo)}
}

// refused reports an answer that says nothing about versions: a proxy need not list.
func refused(err error) bool {
	var s *statusError
	return errors.As(err, &s) && !retryable(s.code)
}

func (g *goProxy) parse(r io.Reader) ([]string, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var versions []string
	suffix := "." + g.st.set.OS + "-" + g.st.set.Arch
	for _, line := range strings.Fields(string(b)) {
		v, ok := strings.CutPrefix(line, "v0.0.1-go")
		if v, ok2 := strings.CutSuffix(v, suffix); ok && ok2 && goVersion.MatchString(v) {
			versions = append(versions, v)
		}
	}
	return versions, nil
}

// has asks whether the proxies serve a version.
func (g *goProxy) has(ctx context.Context, v string) (bool, error) {
	err := g.each(func(base string) error {
		b, err := g.st.web.read(ctx, g.at(base, v, ".info"), nil, 1<<16)
		if err != nil {
			return err
		}
		var info struct{ Version string }
		if json.Unmarshal(b, &info) != nil || info.Version != g.moduleVersion(v) {
			return fmt.Errorf("reading what it says of go%s: it is not about that version", v)
		}
		return nil
	})
	if refused(err) {
		return false, nil
	}
	return err == nil, err
}

// fetch downloads the module's zip, checks it against the checksum database and lays it out as the
// go command does.
func (g *goProxy) fetch(ctx context.Context, v string, j *job) (string, error) {
	tell := j.part()
	var file, used string
	n := 0
	err := g.each(func(base string) error {
		n++
		file, used = filepath.Join(j.temp, fmt.Sprintf("go-%d.zip", n)), base
		return g.st.web.download(ctx, g.at(base, v, ".zip"), nil, file, tell)
	})
	if absent(err) {
		return "", &noVersion{}
	}
	if err != nil {
		return "", err
	}
	got, err := hashZip(ctx, file)
	if err != nil {
		return "", fmt.Errorf("reading the zip of go%s: %w", v, err)
	}
	if err := g.verify(ctx, used, g.moduleVersion(v), got, j); err != nil {
		return "", err
	}
	if err := unpackFile(ctx, file, j.tree, 2); err != nil {
		return "", fmt.Errorf("unpacking go%s: %w", v, err)
	}
	// What was hashed and what was unpacked was read by two readers of zips: see that they agree.
	if tree, err := dirhash.HashDir(j.tree, goModule+"@"+g.moduleVersion(v), dirhash.Hash1); err != nil || tree != got {
		return "", fmt.Errorf("verifying the unpacked go%s: it is not what the zip holds", v)
	}
	return got, finishGo(j.tree, v)
}

// finishGo undoes what a module zip cannot hold: programs' modes, and the go.mod files that it
// carries as _go.mod.
func finishGo(tree, v string) error {
	if b, err := os.ReadFile(filepath.Join(tree, "VERSION")); err != nil || firstLineOf(b) != "go"+v {
		return fmt.Errorf("unpacking go%s: its VERSION file says something else", v)
	}
	for _, pattern := range []string{"bin/*", "pkg/tool/*/*", "lib/wasm/*_exec"} {
		programs, _ := filepath.Glob(filepath.Join(tree, filepath.FromSlash(pattern)))
		if len(programs) == 0 && pattern == "bin/*" {
			return fmt.Errorf("unpacking go%s: there is no program in it", v)
		}
		for _, p := range programs {
			if err := os.Chmod(p, 0o755); err != nil {
				return err
			}
		}
	}
	return filepath.WalkDir(tree, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != "_go.mod" || !d.Type().IsRegular() {
			return err
		}
		return os.Rename(p, filepath.Join(filepath.Dir(p), "go.mod"))
	})
}

func firstLineOf(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}
