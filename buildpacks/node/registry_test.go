package node_test

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
	"slugc/buildpacks/node"
	"slugc/buildpacks/toolchain/toolchaintest"
)

// toy is a package on a loopback registry that tests break.
type toy struct {
	*toolchaintest.Server
	addr      string // of its tarball
	integrity string
}

const toyPath = "/npm/toy/-/toy-1.0.0.tgz"

func newToy(t *testing.T) *toy {
	srv := toolchaintest.NewServer(t)
	srv.AddPackage("toy", "1.0.0", map[string]string{
		"package.json": `{"name":"toy","version":"1.0.0"}`, "index.js": strings.Repeat("// toy\n", 1000),
	}, nil)
	sum := sha512.Sum512(srv.Documents()[toyPath])
	return &toy{srv, srv.URL + toyPath, "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
}

// app writes an app of a package manager that depends on the toy alone. Its own files set how long the
// package manager waits.
func (r *toy) app(b *bench, manager string) {
	pins := map[string]string{
		"yarn": `"packageManager": "yarn@1.22.22",`,
		"pnpm": `"packageManager": "pnpm@10.34.7",`,
		"bun":  `"packageManager": "bun@1.2.20",`,
	}
	must(b.T, os.RemoveAll(b.Source("")))
	b.Write("package.json", `{"name":"app","version":"1.0.0","private":true,`+pins[manager]+
		`"engines":{"node":"22.x"},"scripts":{"start":"node x.js"},"dependencies":{"toy":"1.0.0"}}`)
	b.Write(".npmrc", "fetch-timeout=500\nfetch-retries=1\nfetch-retry-mintimeout=1\nfetch-retry-maxtimeout=1\n")
	switch manager {
	case "npm":
		b.Write("package-lock.json", fmt.Sprintf(`{"name":"app","version":"1.0.0","lockfileVersion":3,"requires":true,
"packages":{"":{"name":"app","version":"1.0.0","dependencies":{"toy":"1.0.0"}},
"node_modules/toy":{"version":"1.0.0","resolved":%q,"integrity":%q}}}`, r.addr, r.integrity))
	case "yarn":
		b.Write(".yarnrc", "network-timeout 500\n")
		b.Write("yarn.lock", fmt.Sprintf("# yarn lockfile v1\n\n\ntoy@1.0.0:\n  version \"1.0.0\"\n  resolved %q\n"+
			"  integrity %s\n", r.addr, r.integrity))
	case "pnpm":
		b.Write("pnpm-lock.yaml", fmt.Sprintf(`lockfileVersion: '9.0'
settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false
importers:
  .:
    dependencies:
      toy:
        specifier: 1.0.0
        version: 1.0.0
packages:
  toy@1.0.0:
    resolution: {integrity: %s, tarball: %s}
snapshots:
  toy@1.0.0: {}
`, r.integrity, r.addr))
	case "bun":
		b.Write("bun.lock", fmt.Sprintf(`{"lockfileVersion": 1,
"workspaces": {"": {"name": "app", "dependencies": {"toy": "1.0.0"}}},
"packages": {"toy": ["toy@1.0.0", %q, {}, %q]}}`, r.addr, r.integrity))
	}
}

// TestRegistryFaults breaks the registry in every way: the build says so, with the registry's host, and that
// trying again may help.
func TestRegistryFaults(t *testing.T) {
	t.Parallel()
	gone := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, fault := range map[string]func(r *toy) http.HandlerFunc{
		"500": func(*toy) http.HandlerFunc { return toolchaintest.Status(500) },
		"429": func(*toy) http.HandlerFunc { return toolchaintest.Status(429) },
		"silent": func(*toy) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		},
		"half":  func(r *toy) http.HandlerFunc { return r.Hang(toyPath) },
		"short": func(r *toy) http.HandlerFunc { return r.CutShort(toyPath) },
		"gone":  func(*toy) http.HandlerFunc { return gone },
	} {
		for _, manager := range []string{"npm", "yarn", "pnpm"} {
			if manager != "npm" && name != "500" && name != "short" {
				continue // these wait between their tries, or for ever, for longer than a test may take
			}
			t.Run(manager+" "+name, func(t *testing.T) {
				r := newToy(t)
				b := newWarmBench(t, small)
				r.app(b, manager)
				r.Break(toyPath, fault(r))
				got := b.fail("node/network")
				if !got.Diagnosis.Transient {
					t.Errorf("%+v is not transient\n%s", got.Diagnosis, got.Log)
				}
				host := strings.TrimPrefix(r.URL, "http://")
				if name == "500" && !strings.Contains(got.Diagnosis.Summary, host) {
					t.Errorf("%q does not name %s\n%s", got.Diagnosis.Summary, host, got.Log)
				}
			})
		}
	}
}

// TestBunFaults breaks the registry in every way in which bun says something else than the others.
func TestBunFaults(t *testing.T) {
	t.Parallel()
	r := newToy(t)
	doc, host := r.Documents()[toyPath], strings.TrimPrefix(r.URL, "http://")
	serve := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(doc) })
	b := newWarmBench(t, small)
	r.app(b, "bun")
	b.Env = append(b.Env, node.RegistrySetting+"="+r.URL+"/npm/")
	for name, want := range map[string]struct {
		id        string
		transient bool
		says      string
	}{
		"404":     {"node/package-not-found", false, "The package toy is not in the registry, or is private."},
		"500":     {"node/network", true, host + " answered 500"},
		"reset":   {"node/network", true, "packages come from " + host},
		"short":   {"node/integrity", false, "find out why before you trust it"},
		"altered": {"node/integrity", false, "find out why before you trust it"},
		"refused": {"node/network", true, "packages come from "},
	} {
		t.Run(name, func(t *testing.T) {
			b.T = t
			r.addr = r.URL + toyPath
			if fault := buildpacktest.Faults[name]; fault != nil {
				r.Break(toyPath, fault(serve).ServeHTTP)
			} else {
				r.addr = buildpacktest.Refused + toyPath
			}
			r.app(b, "bun")
			d := b.fail(want.id).Diagnosis
			if d.Transient != want.transient || !strings.Contains(d.Summary+strings.Join(d.Hints, " "), want.says) {
				t.Errorf("got %+v, want %+v", d, want)
			}
		})
	}
	b.T, r.addr = t, r.URL+toyPath
	r.app(b, "bun")
	b.provide()
	r.Break(toyPath, buildpacktest.Faults["silent"](serve).ServeHTTP)
	if d := b.MustWait(); d.ID != "node/network" || !d.Transient || !strings.Contains(d.Summary, " waits on "+host) {
		t.Errorf("got %+v", d)
	}
}

// TestBrokenOnce holds that an install whose download breaks off once is tried once more.
func TestBrokenOnce(t *testing.T) {
	t.Parallel()
	r := newToy(t)
	b := newWarmBench(t, small)
	r.app(b, "npm")
	r.Break(toyPath, r.Once(toyPath, r.CutShort(toyPath)))
	o := b.build()
	if !o.files.Has("node_modules/toy/index.js") {
		t.Errorf("the package is not installed\n%s", o.Log)
	}
}

// TestUntrustedRegistry holds that a certificate of an unknown authority is named as what it is.
func TestUntrustedRegistry(t *testing.T) {
	t.Parallel()
	r := newToy(t)
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	r.addr = tls.URL + toyPath
	b := newWarmBench(t, small)
	r.app(b, "npm")
	got := b.fail("node/network")
	if !got.Diagnosis.Transient || !strings.Contains(strings.Join(got.Diagnosis.Hints, " "), "npm_config_cafile") {
		t.Errorf("got %+v\n%s", got.Diagnosis, got.Log)
	}
}

// TestPrivateRegistry holds, for each way in which package managers are configured, that a registry which the
// app's files name is asked, with its token, and the machine's is not: that one answers nothing here.
func TestPrivateRegistry(t *testing.T) {
	t.Parallel()
	const (
		npmrc  = "registry=${HOST}/npm/\n//ADDRESS/npm/:_authToken=${TOKEN}\nalways-auth=true\n"
		yml    = "npmRegistryServer: ${HOST}/npm\nnpmAuthToken: ${TOKEN}\nnpmAlwaysAuth: true\n"
		plain  = "nodeLinker: node-modules\nunsafeHttpWhitelist: [127.0.0.1]\n"
		bunfig = "[install.registry]\nurl = \"URL/npm/\"\ntoken = \"$TOKEN\"\n"
	)
	for _, c := range []struct{ manager, pin, file, text string }{
		{"npm", "", ".npmrc", npmrc},
		{"berry", "yarn@4.9.1", ".yarnrc.yml", yml + plain},
		{"pnpm", "pnpm@10.34.7", ".npmrc", npmrc},
		{"bun", "bun@1.2.20", "bunfig.toml", bunfig},
	} {
		t.Run(c.manager+" "+c.pin, func(t *testing.T) {
			r := newToy(t)
			r.PutJSON("/npm/toy", map[string]any{
				"name": "toy", "dist-tags": map[string]string{"latest": "1.0.0"},
				"versions": map[string]any{"1.0.0": map[string]any{
					"name": "toy", "version": "1.0.0",
					"dist": map[string]any{"tarball": r.addr, "integrity": r.integrity},
				}},
			})
			b := newWarmBench(t, small)
			must(t, os.RemoveAll(b.Source("")))
			pin := ""
			if c.pin != "" {
				pin = fmt.Sprintf(`"packageManager":%q,`, c.pin)
			}
			b.Write("package.json", `{"name":"app","version":"1.0.0",`+pin+
				`"engines":{"node":"22.x"},"scripts":{"start":"node x.js"},"dependencies":{"toy":"1.0.0"}}`)
			if c.manager == "berry" {
				b.Write("yarn.lock", "") // only marks the project's root
			}
			address := strings.TrimPrefix(r.URL, "http://")
			b.Write(c.file, strings.NewReplacer("ADDRESS", address, "URL", r.URL).Replace(c.text))
			b.Env = append(b.Env, node.RegistrySetting+"=http://127.0.0.1:9/")
			b.Config = map[string]string{"HOST": r.URL, "TOKEN": "tok-123456"}
			o := b.build()
			if !o.files.Has("node_modules/toy/index.js") && !o.files.Has("node_modules/toy") {
				t.Errorf("the package is not installed\n%s", o.Log)
			}
			if got := r.Header("/npm/toy").Get("Authorization"); got != "Bearer tok-123456" {
				t.Errorf("the registry was asked with %q\n%s", got, o.Log)
			}
		})
	}
}
