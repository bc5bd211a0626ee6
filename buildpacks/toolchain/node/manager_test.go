package node_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/node"
	"slugc/buildpacks/toolchain/source"
	"slugc/buildpacks/toolchain/toolchaintest"
)

func TestManagerConstraints(t *testing.T) {
	tools := map[string]source.Tool{}
	for _, tool := range node.Tools(&source.Env{}, node.Settings{}) {
		tools[tool.Name] = tool
	}
	l := source.Listing{
		Versions: []string{"1.22.19", "1.22.22", "3.6.3", "4.9.2", "5.0.0-rc.1"},
		Tags:     map[string]string{"latest": "4.9.2", "next": "5.0.0-rc.1"},
	}
	for _, c := range []struct{ tool, in, want string }{
		{"yarn", "", "1.22.22"}, {"yarn", "classic", "1.22.22"}, {"yarn", "1.x", "1.22.22"}, {"yarn", ">=1.22", "1.22.22"}, {"yarn", "1.22.19", "1.22.19"},
		{"yarn", "berry", "4.9.2"}, {"yarn", "stable", "4.9.2"}, {"yarn", ">=2 <4", "3.6.3"}, {"yarn", "4.9.2", "4.9.2"}, {"yarn", "9", ""},
		{"pnpm", "", "4.9.2"}, {"pnpm", "latest", "4.9.2"}, {"pnpm", "next", "5.0.0-rc.1"}, {"pnpm", "nosuchtag", ""}, {"pnpm", ">=3", "4.9.2"},
		{"pnpm", "3", "3.6.3"}, {"npm", "*", "4.9.2"}, {"npm", "5.0.0-rc.1", "5.0.0-rc.1"},
	} {
		got, _, _, err := toolchaintest.Pick(tools[c.tool], c.in, l)
		if err != nil || got != c.want {
			t.Errorf("%s %q = %q, %v; want %q", c.tool, c.in, got, err, c.want)
		}
	}
	if _, _, _, err := toolchaintest.Pick(tools["pnpm"], ">=3, <4", l); err == nil {
		t.Error("a range with a comma is read")
	}
}

func TestManagers(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	bin := func(m map[string]string) map[string]any { return map[string]any{"bin": m} }
	yarn1 := srv.AddPackage(
		"yarn",
		"1.22.22",
		map[string]string{"bin/yarn.js": "y1"},
		bin(map[string]string{"yarn": "./bin/yarn.js", "yarnpkg": "./bin/yarn.js"}),
	)
	srv.AddPackage("yarn", "2.4.3", map[string]string{"bin/yarn.js": "no"}, bin(map[string]string{"yarn": "./bin/yarn.js"}))
	srv.AddPackage(
		"@yarnpkg/cli-dist",
		"4.9.2",
		map[string]string{"bin/yarn.js": "y4"},
		bin(map[string]string{"yarn": "bin/yarn.js"}),
	)
	srv.AddPackage(
		"pnpm",
		"10.1.0",
		map[string]string{"bin/pnpm.cjs": "p"},
		bin(map[string]string{"pnpm": "bin/pnpm.cjs", "pnpx": "bin/pnpm.cjs"}),
	)
	srv.AddPackage("@pnpm/exe.linux-x64", "12.1.0", map[string]string{"pnpm": "native"}, nil)
	srv.AddPackage("pnpm", "12.1.0", map[string]string{"pnpm": "placeholder", "pnx": "placeholder"}, map[string]any{
		"bin": map[string]string{
			"pnpm": "pnpm",
			"pnx":  "./pnx",
		}, "optionalDependencies": map[string]string{"@pnpm/exe.linux-x64": "12.1.0"},
	})
	srv.AddPackage("@oven/bun-linux-x64", "1.2.20", map[string]string{"bin/bun": "b"}, nil)
	st := srv.Open(t.TempDir())
	for _, c := range []struct{ tool, constraint, hash, version, file, body string }{
		{"yarn", "", "", "1.22.22", "bin/yarn", "y1"},
		{"yarn", "1.22.22", "sha512." + yarn1, "1.22.22", "bin/yarnpkg", "y1"},
		// Corepack pins the one file of a modern yarn.
		{"yarn", "4.9.2", fmt.Sprintf("sha224.%x", sha256.Sum224([]byte("y4"))), "4.9.2", "bin/yarn", "y4"},
		{"yarn", "berry", fmt.Sprintf("SHA512.%X", sha512.Sum512([]byte("y4"))), "4.9.2", "bin/yarn", "y4"},
		{"pnpm", "", "", "12.1.0", "bin/pnx", "native"},
		{"pnpm", "10", "", "10.1.0", "bin/pnpx", "p"},
		{"bun", "", "", "1.2.20", "bin/bunx", "b"},
	} {
		got, err := st.Ensure(
			t.Context(),
			[]toolchain.Request{{Tool: c.tool, Constraint: c.constraint, Hash: c.hash}},
			nil,
		)
		if err != nil {
			t.Errorf("%s %q: %v", c.tool, c.constraint, err)
			continue
		}
		b, err := os.ReadFile(filepath.Join(got[0].Dir, c.file))
		info, _ := os.Stat(filepath.Join(got[0].Dir, c.file))
		if got[0].Version != c.version || string(b) != c.body || err != nil || info.Mode()&0o100 == 0 {
			t.Errorf("%s %q = %+v, %q, %v", c.tool, c.constraint, got[0], b, err)
		}
	}
	if err := toolchaintest.Fails(t, st, "yarn", "2.4.3"); !strings.Contains(err.Error(), "no version matches (it has 4.9.2)") {
		t.Errorf("yarn 2 of the old package: %v", err)
	}
}

func TestRegistryAddresses(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	bin := map[string]any{"bin": map[string]string{"pnpm": "p.cjs"}}
	srv.AddPackage("pnpm", "10.1.0", map[string]string{"p.cjs": "p"}, bin)
	// A mirror that hands on its upstream's documents: the tarball's address is another host's.
	srv.MoveTarball("pnpm", "10.1.0", "https://upstream.invalid/pnpm/-/pnpm-10.1.0.tgz")
	host := strings.TrimPrefix(srv.URL, "http://")
	st := srv.Open(t.TempDir(), func(s *toolchain.Settings) {
		s.NpmTokens = map[string]string{
			"//" + host + "/":     "wide",
			"//" + host + "/npm/": "narrow",
			"//" + host + "/np":   "no",
			"//other.invalid/":    "other",
		}
	})
	toolchaintest.Get(t, st, "pnpm", "")
	for _, p := range []string{"/npm/pnpm", "/npm/pnpm/-/pnpm-10.1.0.tgz"} {
		if got := srv.Header(p).Get("Authorization"); got != "Bearer narrow" {
			t.Errorf("%s was asked with %q", p, got)
		}
	}
}

func TestRegistryPassword(t *testing.T) {
	srv := toolchaintest.NewServer(t)
	srv.AddPackage("pnpm", "10.1.0", map[string]string{"p.cjs": "p"}, map[string]any{"bin": map[string]string{"pnpm": "p.cjs"}})
	st := srv.Open(t.TempDir(), func(s *toolchain.Settings) {
		s.NpmRegistry = func(context.Context) (string, error) {
			return strings.Replace(srv.URL, "//", "//u:p@", 1) + "/npm", nil
		}
	})
	toolchaintest.Get(t, st, "pnpm", "")
	for _, p := range []string{"/npm/pnpm", "/npm/pnpm/-/pnpm-10.1.0.tgz"} {
		if got := srv.Header(p).Get("Authorization"); got != "Basic dTpw" {
			t.Errorf("%s was asked with %q", p, got)
		}
	}
	if got := srv.Header("/npm/pnpm/-/pnpm-10.1.0.tgz").Get("Accept-Encoding"); got != "identity" {
		t.Errorf("Accept-Encoding is %q", got)
	}
}

func TestHostilePackages(t *testing.T) {
	for name, bin := range map[string]map[string]string{
		"outside": {"pnpm": "../../../../x"}, "absolute": {"pnpm": "/bin/sh"}, "name": {"../pnpm": "p.cjs"}, "missing": {"pnpm": "q.cjs"}, "none": {},
	} {
		srv := toolchaintest.NewServer(t)
		srv.AddPackage("pnpm", "10.1.0", map[string]string{"p.cjs": "p"}, map[string]any{"bin": bin})
		dir := t.TempDir()
		err := toolchaintest.Fails(t, srv.Open(dir), "pnpm", "")
		if !strings.Contains(err.Error(), "unpacking pnpm 10.1.0: it") {
			t.Errorf("%s: %v", name, err)
		}
		left := toolchaintest.Staging(t, dir)
		if len(left) > 0 {
			t.Errorf("%s leaves %v", name, left)
		}
	}
}
