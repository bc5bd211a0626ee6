package node

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"slugc/buildpacks/toolchain/source"
)

const registryName = "npm registry"

// registry is the npm registry: documents of packages, and tarballs verified by their sha512
// integrity.
type registry struct {
	env      *source.Env
	settings Settings

	once sync.Once
	base string
	err  error
}

// packument is what the registry says of a package, reduced to what is needed. The name is npm's.
type packument struct {
	Tags     map[string]string   `json:"tags,omitempty"`
	Versions map[string]manifest `json:"versions"`
}

// manifest is one version of a package.
type manifest struct {
	Tarball    string            `json:"tarball"`
	Integrity  string            `json:"integrity"`
	Node       string            `json:"node,omitempty"` // engines.node
	Bin        map[string]string `json:"bin,omitempty"`
	Optional   map[string]string `json:"optional,omitempty"` // optionalDependencies
	Deprecated bool              `json:"old,omitempty"`
}

// address is the registry's base address, without a slash at its end.
func (r *registry) address(ctx context.Context) (string, error) {
	if r.settings.Registry == nil {
		return "", source.ErrDisabled
	}
	r.once.Do(func() {
		base, err := r.settings.Registry(ctx)
		if err != nil {
			r.err = fmt.Errorf("asking for the npm registry's address: %w", err)
			return
		}
		base = strings.TrimRight(strings.TrimSpace(base), "/")
		if u, err := url.Parse(base); err != nil || u.Host == "" && u.Scheme != "file" {
			r.err = errors.New("the npm registry's address is not a URL")
			return
		}
		r.base = base
	})
	return r.base, r.err
}

// endpoints are the registry's, for all its sources.
func (r *registry) endpoints(ctx context.Context) []source.Endpoint {
	base, err := r.address(ctx)
	if errors.Is(err, source.ErrDisabled) {
		return source.Off(registryName)
	}
	e := source.Endpoint{Name: registryName, Check: func(context.Context) error { return err }}
	if err == nil {
		e.Address = source.ShowAddress(base)
		e.Check = func(ctx context.Context) error { return r.env.Web.Check(ctx, base+"/npm", r.header(base+"/npm")) }
	}
	return []source.Endpoint{e}
}

// header carries a bearer token where one belongs to the address: that of the longest prefix.
func (r *registry) header(addr string) http.Header {
	h := http.Header{}
	u, err := url.Parse(addr)
	if err != nil {
		return h
	}
	where, best := "//"+u.Host+u.Path, ""
	for prefix, token := range r.settings.Tokens {
		if len(prefix) > len(best) && token != "" && strings.HasPrefix(where, strings.TrimRight(prefix, "/")+"/") {
			best = prefix
			h.Set("Authorization", "Bearer "+token)
		}
	}
	return h
}

// packument returns a package's versions. again and asked are as for [source.Document.List].
func (r *registry) packument(ctx context.Context, name string, again bool) (p packument, asked bool, err error) {
	base, err := r.address(ctx)
	if err != nil {
		return packument{}, false, err
	}
	addr := base + "/" + strings.Replace(name, "/", "%2f", 1)
	h := r.header(addr)
	h.Set("Accept", "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*")
	return source.Document[packument]{Addr: addr, Header: h, Parse: parsePackument}.List(ctx, r.env, again)
}

func parsePackument(body io.Reader) (packument, error) {
	var doc struct {
		Tags     map[string]string `json:"dist-tags"`
		Versions map[string]struct {
			Engines    json.RawMessage `json:"engines"`
			Bin        json.RawMessage `json:"bin"`
			Optional   json.RawMessage `json:"optionalDependencies"`
			Deprecated json.RawMessage `json:"deprecated"`
			Dist       struct {
				Tarball   string `json:"tarball"`
				Integrity string `json:"integrity"`
			} `json:"dist"`
		} `json:"versions"`
	}
	if err := source.DecodeJSON(body, "the list of versions", &doc); err != nil {
		return packument{}, err
	}
	p := packument{Tags: doc.Tags, Versions: map[string]manifest{}}
	for v, d := range doc.Versions {
		if source.ExactSemver(v) != v || d.Dist.Tarball == "" {
			continue
		}
		m := manifest{Tarball: d.Dist.Tarball, Integrity: d.Dist.Integrity}
		// Old packages write engines as a list and bin as a string: those say nothing here.
		var engines struct {
			Node string `json:"node"`
		}
		if json.Unmarshal(d.Engines, &engines) == nil {
			m.Node = engines.Node
		}
		_ = json.Unmarshal(d.Bin, &m.Bin)
		_ = json.Unmarshal(d.Optional, &m.Optional)
		switch string(d.Deprecated) {
		case "", "null", "false", `""`:
		default:
			m.Deprecated = true
		}
		p.Versions[v] = m
	}
	return p, nil
}

// filter says which versions of a package count.
type filter func(version string, m manifest) bool

// resolve chooses a version of those of the packages that pass keep. A deprecated one is taken
// where no other serves.
func (r *registry) resolve(
	ctx context.Context,
	c *source.Constraint,
	keep filter,
	packages ...string,
) (version, note string, err error) {
	choice := *c
	return choice.Choose(func(again bool) (source.Listing, bool, error) {
		l, deprecated, asked, err := r.listing(ctx, keep, packages, again)
		choice.Pick = func(l source.Listing) (string, string) {
			if v, note := c.Pick(l); v != "" {
				return v, note
			}
			l.Versions = append(l.Versions, deprecated...)
			return c.Pick(l)
		}
		return l, asked, err
	}, c.Nearest(source.CompareSemver))
}

// listing is the packages' listing; deprecated versions are apart.
func (r *registry) listing(
	ctx context.Context,
	keep filter,
	packages []string,
	again bool,
) (l source.Listing, deprecated []string, asked bool, err error) {
	l.Tags, asked = map[string]string{}, true
	for _, name := range packages {
		p, fresh, err := r.packument(ctx, name, again)
		if source.Absent(err) {
			return l, nil, false, fmt.Errorf("the registry has no package %q", name)
		}
		if err != nil {
			return l, nil, false, err
		}
		asked = asked && fresh
		for v, m := range p.Versions {
			switch {
			case !keep(v, m):
			case m.Deprecated:
				deprecated = append(deprecated, v)
			default:
				l.Versions = append(l.Versions, v)
			}
		}
		for tag, v := range p.Tags {
			if m, ok := p.Versions[v]; ok && keep(v, m) {
				l.Tags[tag] = v
			}
		}
	}
	return l, deprecated, asked, nil
}

// tarball is a downloaded and verified version of a package.
type tarball struct {
	file      string
	integrity string   // "sha512-…"
	pins      []string // its digests in the forms that a packageManager field may hold
}

// download downloads a version of a package into the job's directory and verifies it.
func (r *registry) download(
	ctx context.Context,
	name string,
	m manifest,
	j *source.Job,
) (tarball, error) {
	base := path.Base(m.Tarball)
	want, err := sha512Of(m.Integrity)
	if err != nil {
		return tarball{}, fmt.Errorf("verifying %s: %w", base, err)
	}
	addrs, err := r.tarballAddresses(ctx, name, m.Tarball)
	if err != nil {
		return tarball{}, err
	}
	meter := j.Meter()
	var file string
	var sums pins
	for i, addr := range addrs {
		file = filepath.Join(j.Temp, fmt.Sprintf("%s-%d.tgz", strings.NewReplacer("/", "-", "@", "").Replace(name), i))
		sums = newPins()
		err = r.env.Web.Download(ctx, source.Download{
			Addr: addr, Header: r.header(addr), File: file, Meter: meter, Sums: sums.hashes(),
		})
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return tarball{}, err
	}
	if got := sums.sha512(); string(got) != string(want) {
		return tarball{}, &source.DigestError{What: base, Want: integrity(want), Got: integrity(got)}
	}
	return tarball{file, integrity(want), sums.texts()}, nil
}

// tarballAddresses are where a tarball may lie: as the registry states it. Where that is another
// host or not https, because a mirror hands on the documents of its upstream, the registry's own
// path for it comes first.
func (r *registry) tarballAddresses(ctx context.Context, name, stated string) ([]string, error) {
	base, err := r.address(ctx)
	if err != nil {
		return nil, err
	}
	b, err1 := url.Parse(base)
	u, err2 := url.Parse(stated)
	if err1 != nil || err2 != nil {
		return nil, errors.New("the tarball's address is not a URL")
	}
	if u.Scheme == b.Scheme && u.Host == b.Host {
		u.User = b.User // documents do not repeat the credentials that they were asked for with
		return []string{u.String()}, nil
	}
	addrs := []string{base + "/" + name + "/-/" + path.Base(u.Path)}
	if u.Scheme == "https" {
		addrs = append(addrs, stated)
	}
	return addrs, nil
}

// integrity is a sha512 digest as npm writes it, which is W3C's Subresource Integrity.
func integrity(sum []byte) string { return "sha512-" + base64.StdEncoding.EncodeToString(sum) }
