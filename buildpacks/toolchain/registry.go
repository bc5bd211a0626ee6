package toolchain

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// registry is the npm registry: packuments, and tarballs verified by their sha512 integrity.
type registry struct {
	st   *Store
	once sync.Once
	base string
	err  error
}

func newRegistry(st *Store) *registry { return &registry{st: st} }

// packument is a package's versions, boiled down.
type packument struct {
	Tags     map[string]string  `json:"tags,omitempty"`
	Versions map[string]edition `json:"versions"`
}

// edition is one version of a package.
type edition struct {
	Tarball   string            `json:"tarball"`
	Integrity string            `json:"integrity"`
	Node      string            `json:"node,omitempty"` // engines.node
	Bin       map[string]string `json:"bin,omitempty"`
	Optional  map[string]string `json:"optional,omitempty"` // optionalDependencies
	Old       bool              `json:"old,omitempty"`      // deprecated by its authors
}

func (r *registry) address(ctx context.Context) (string, error) {
	if r.st.set.NpmRegistry == nil {
		return "", errDisabled
	}
	r.once.Do(func() {
		base, err := r.st.set.NpmRegistry(ctx)
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

// header carries a bearer token where one belongs to the address: the longest prefix of it that is
// configured.
func (r *registry) header(addr string) http.Header {
	h := http.Header{}
	u, err := url.Parse(addr)
	if err != nil {
		return h
	}
	where, best := "//"+u.Host+u.Path, ""
	for prefix, token := range r.st.set.NpmTokens {
		if len(prefix) > len(best) && token != "" && strings.HasPrefix(where, strings.TrimRight(prefix, "/")+"/") {
			best = prefix
			h.Set("Authorization", "Bearer "+token)
		}
	}
	return h
}

// packument returns a package's versions.
func (r *registry) packument(ctx context.Context, name string, again bool) (packument, bool, error) {
	base, err := r.address(ctx)
	if err != nil {
		return packument{}, false, err
	}
	addr := base + "/" + strings.Replace(name, "/", "%2f", 1)
	h := r.header(addr)
	h.Set("Accept", "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*")
	return list(ctx, r.st, addr, h, parsePackument, again)
}

func parsePackument(body io.Reader) (packument, error) {
	var doc struct {
		Tags     map[string]string `json:"dist-tags"`
		Versions map[string]struct {
			Name       string          `json:"name"`
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
	if err := json.NewDecoder(body).Decode(&doc); err != nil {
		return packument{}, fmt.Errorf("reading the list of versions: %w", plain(err))
	}
	p := packument{Tags: doc.Tags, Versions: map[string]edition{}}
	for v, d := range doc.Versions {
		if exactly(v) != v || d.Dist.Tarball == "" {
			continue
		}
		rel := edition{Tarball: d.Dist.Tarball, Integrity: d.Dist.Integrity}
		// Old packages write engines as a list and bin as a string: those say nothing here.
		var engines struct {
			Node string `json:"node"`
		}
		if json.Unmarshal(d.Engines, &engines) == nil {
			rel.Node = engines.Node
		}
		_ = json.Unmarshal(d.Bin, &rel.Bin)
		_ = json.Unmarshal(d.Optional, &rel.Optional)
		rel.Old = len(d.Deprecated) > 0 && string(d.Deprecated) != "null" && string(d.Deprecated) != "false" &&
			string(d.Deprecated) != `""`
		p.Versions[v] = rel
	}
	return p, nil
}

// tarball downloads a version of a package and verifies it. It returns the file, the integrity and,
// for pins, the digests in the forms that a packageManager field may hold.
func (r *registry) tarball(
	ctx context.Context,
	name string,
	rel edition,
	j *job,
	tell tellFunc,
) (file, integrity string, hashes []string, err error) {
	want, err := sha512Of(rel.Integrity)
	if err != nil {
		return "", "", nil, fmt.Errorf("verifying %s: %w", path.Base(rel.Tarball), err)
	}
	addrs, err := r.places(ctx, name, rel.Tarball)
	if err != nil {
		return "", "", nil, err
	}
	sums := newSums()
	for i, addr := range addrs {
		file = filepath.Join(j.temp, fmt.Sprintf("%s-%d.tgz", strings.NewReplacer("/", "-", "@", "").Replace(name), i))
		sums = newSums()
		err = r.st.web.download(ctx, addr, r.header(addr), file, tell, sums.hashes()...)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return "", "", nil, err
	}
	integrity = "sha512-" + base64.StdEncoding.EncodeToString(want)
	if got := sums.list[0].h.Sum(nil); string(got) != string(want) {
		return "", "", nil, &digestError{
			path.Base(rel.Tarball),
			integrity,
			"sha512-" + base64.StdEncoding.EncodeToString(got),
		}
	}
	return file, integrity, sums.texts(), nil
}

// places are the addresses of a tarball: as the registry states it, and, where that is another
// host's or not https (a mirror that hands on its upstream's documents), the registry's own path
// for it first.
func (r *registry) places(ctx context.Context, name, stated string) ([]string, error) {
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

// sha512Of finds the sha512 digest in a Subresource Integrity text.
func sha512Of(integrity string) ([]byte, error) {
	for _, part := range strings.Fields(integrity) {
		if text, ok := strings.CutPrefix(part, "sha512-"); ok {
			text, _, _ = strings.Cut(text, "?")
			if b, err := base64.StdEncoding.DecodeString(text); err == nil && len(b) == sha512.Size {
				return b, nil
			}
		}
	}
	return nil, errors.New("the registry states no sha512 for it")
}

// sums computes every digest that a packageManager field may pin.
type sums struct {
	list []struct {
		name string
		h    hash.Hash
	}
}

func newSums() *sums {
	s := &sums{}
	for _, e := range []struct {
		name string
		h    hash.Hash
	}{{"sha512", sha512.New()}, {"sha256", sha256.New()}, {"sha224", sha256.New224()}, {"sha384", sha512.New384()}, {"sha1", sha1.New()}} {
		s.list = append(s.list, e)
	}
	return s
}

func (s *sums) hashes() []hash.Hash {
	var hs []hash.Hash
	for _, e := range s.list {
		hs = append(hs, e.h)
	}
	return hs
}

func (s *sums) texts() []string {
	var out []string
	for _, e := range s.list {
		out = append(out, e.name+"."+hex.EncodeToString(e.h.Sum(nil)))
	}
	return out
}
