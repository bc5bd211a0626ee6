package golang

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"slugc/buildpacks/toolchain/source"
)

const (
	modulePath = "golang.org/toolchain"
	proxyName  = "go module proxy"
)

// proxy is the module golang.org/toolchain through the configured module proxies: what the go
// command itself downloads.
type proxy struct {
	env *source.Env
	set Settings
}

// Name returns "go module proxy".
func (*proxy) Name() string { return proxyName }

// Endpoints returns every proxy, and the checksum database after the first one.
func (p *proxy) Endpoints(context.Context) []source.Endpoint {
	var list []source.Endpoint
	for _, e := range proxyEntries(p.set.Proxy) {
		if e.base == "off" {
			break
		}
		if e.base == "direct" {
			continue
		}
		list = append(list, source.Endpoint{
			Name: proxyName, Address: source.ShowAddress(e.base),
			Check: func(ctx context.Context) error {
				err := p.env.Web.Check(ctx, listAddress(e.base), nil)
				if source.Refused(err) { // a proxy need not list
					return nil
				}
				return err
			},
		})
		if len(list) == 1 && p.set.SumDB != "off" {
			list = append(list, p.databaseEndpoint(e.base))
		}
	}
	if len(list) == 0 {
		return source.Off(proxyName)
	}
	return list
}

// databaseEndpoint is the checksum database, which the proxy at base may relay.
func (p *proxy) databaseEndpoint(base string) source.Endpoint {
	name := p.set.SumDB
	if end := strings.IndexAny(name, "+ "); end >= 0 { // a key, an address
		name = name[:end]
	}
	return source.Endpoint{Name: "checksum database", Address: name, Check: func(ctx context.Context) error {
		db, err := newSumDB(ctx, p.env, p.set.SumDB, base)
		if err == nil {
			_, err = db.ReadRemote("/latest")
		}
		return err
	}}
}

// proxyEntry is one entry of GOPROXY.
type proxyEntry struct {
	base     string
	anyError bool // the next entry is tried after any error, not only after 404 and 410
}

var errProxyOff = errors.New("GOPROXY is off")

func proxyEntries(goproxy string) []proxyEntry {
	var list []proxyEntry
	for goproxy != "" {
		end := strings.IndexAny(goproxy, ",|")
		entry, anyError := goproxy, false
		if end >= 0 {
			entry, anyError, goproxy = goproxy[:end], goproxy[end] == '|', goproxy[end+1:]
		} else {
			goproxy = ""
		}
		if entry = strings.TrimRight(strings.TrimSpace(entry), "/"); entry != "" {
			list = append(list, proxyEntry{entry, anyError})
		}
	}
	return list
}

// each calls do with the proxies' bases until one serves, by the go command's rule
// (https://go.dev/ref/mod#goproxy-protocol). "direct" has no meaning here: the distribution of the
// next source is the toolchain's origin.
func (p *proxy) each(do func(base string) error) error {
	entries := proxyEntries(p.set.Proxy)
	if len(entries) == 0 || len(entries) == 1 && entries[0].base == "direct" {
		return source.ErrDisabled
	}
	var last error
	for _, e := range entries {
		switch e.base {
		case "off":
			if last == nil {
				last = errProxyOff
			}
			return last
		case "direct":
			continue
		}
		err := do(e.base)
		if err == nil {
			return nil
		}
		if last == nil || !source.Absent(err) {
			last = err
		}
		if !e.anyError && !source.Absent(err) {
			return err
		}
	}
	return last
}

func (p *proxy) moduleVersion(v string) string {
	return fmt.Sprintf("v0.0.1-go%s.%s-%s", v, p.env.OS, p.env.Arch)
}

func listAddress(base string) string { return base + "/" + modulePath + "/@v/list" }

func (p *proxy) address(base, v, ext string) string {
	return base + "/" + modulePath + "/@v/" + p.moduleVersion(v) + ext
}

// errNoList is what a proxy that need not list answers.
var errNoList = errors.New("the proxy does not list")

// Resolve chooses a version that a proxy lists. A list names what the proxy has seen, and it may
// serve more.
func (p *proxy) Resolve(ctx context.Context, c *source.Constraint) (version, note string, err error) {
	version, note, err = c.Choose(func(again bool) (source.Listing, bool, error) {
		versions, asked, err := p.list(ctx, again)
		if source.Refused(err) || err == nil && len(versions) == 0 && asked {
			err = errNoList
		}
		return source.Listing{Versions: versions}, asked, err
	}, c.Nearest(compare))
	switch {
	case errors.Is(err, errNoList):
		return p.probe(ctx, c)
	case errors.Is(err, source.ErrNoVersion) && c.Exact != "":
		if ok, err := p.has(ctx, c.Exact); ok || err != nil {
			return c.Exact, "", err
		}
	}
	return version, note, err
}

func (p *proxy) list(ctx context.Context, again bool) (versions []string, asked bool, err error) {
	err = p.each(func(base string) (err error) {
		doc := source.Document[[]string]{Addr: listAddress(base), Parse: p.parse}
		versions, asked, err = doc.List(ctx, p.env, again)
		return err
	})
	return versions, asked, err
}

func (p *proxy) parse(r io.Reader) ([]string, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var versions []string
	suffix := "." + p.env.OS + "-" + p.env.Arch
	for _, line := range strings.Fields(string(b)) {
		v, ok := strings.CutPrefix(line, "v0.0.1-go")
		if v, ours := strings.CutSuffix(v, suffix); ok && ours && goVersion.MatchString(v) {
			versions = append(versions, v)
		}
	}
	return versions, nil
}

// has asks whether the proxies serve a version.
func (p *proxy) has(ctx context.Context, v string) (bool, error) {
	err := p.each(func(base string) error {
		b, err := p.env.Web.Read(ctx, p.address(base, v, ".info"), nil, 1<<16)
		if err != nil {
			return err
		}
		var info struct{ Version string }
		if json.Unmarshal(b, &info) != nil || info.Version != p.moduleVersion(v) {
			return fmt.Errorf("reading the .info of go%s: it is about another version", v)
		}
		return nil
	})
	if source.Refused(err) {
		return false, nil
	}
	return err == nil, err
}

// Fetch downloads the module's zip, checks it against the checksum database and lays it out as the
// go command does.
func (p *proxy) Fetch(ctx context.Context, v string, j *source.Job) (string, error) {
	meter := j.Meter()
	var file, used string
	n := 0
	err := p.each(func(base string) error {
		n++
		file, used = filepath.Join(j.Temp, fmt.Sprintf("go-%d.zip", n)), base
		return p.env.Web.Download(ctx, source.Download{Addr: p.address(base, v, ".zip"), File: file, Meter: meter})
	})
	if source.Absent(err) {
		return "", &source.NoVersionError{}
	}
	if err != nil {
		return "", err
	}
	got, err := hashZip(ctx, file)
	if err != nil {
		return "", fmt.Errorf("reading the zip of go%s: %w", v, err)
	}
	if err := p.verify(ctx, used, p.moduleVersion(v), got, j); err != nil {
		return "", err
	}
	if err := source.Unpack(ctx, file, j.Tree, 2); err != nil {
		return "", fmt.Errorf("unpacking go%s: %w", v, err)
	}
	// One reader of zips hashed it and another unpacked it: they must agree.
	tree, err := dirhash.HashDir(j.Tree, modulePath+"@"+p.moduleVersion(v), dirhash.Hash1)
	if err != nil || tree != got {
		return "", fmt.Errorf("verifying the unpacked go%s: it is not what the zip holds", v)
	}
	return got, finish(j.Tree, v)
}
