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
	"slugc/cache/testkit"
)

func TestManagerConstraints(t *testing.T) {
	t.Parallel()
	l := source.Listing{
		Versions: []string{"1.22.19", "1.22.22", "3.6.3", "4.9.2", "5.0.0-rc.1"},
		Tags:     map[string]string{"latest": "4.9.2", "next": "5.0.0-rc.1"},
	}
	picks := map[string][][3]string{
		"yarn": {
			{"", "1.22.22", ""},
			{"classic", "1.22.22", ""},
			{"1.x", "1.22.22", ""},
			{">=1.22", "1.22.22", ""},
			{"1.22.19", "1.22.19", "1.22.19"},
			{"berry", "4.9.2", ""},
			{"stable", "4.9.2", ""},
			{">=2 <4", "3.6.3", ""},
			{"4.9.2", "4.9.2", "4.9.2"},
			{"9", "", ""},
		},
		"pnpm": {
			{"", "4.9.2", ""},
			{"latest", "4.9.2", ""},
			{"next", "5.0.0-rc.1", ""},
			{"nosuchtag", "", ""},
			{">=3", "4.9.2", ""},
			{"3", "3.6.3", ""},
		},
		"npm": {{"*", "4.9.2", ""}, {"5.0.0-rc.1", "5.0.0-rc.1", "5.0.0-rc.1"}},
	}
	for _, tool := range node.Tools(&source.Env{}, node.Settings{}) {
		if picks := picks[tool.Name]; picks != nil {
			toolchaintest.CheckPicks(t, tool, l, picks, ">=3, <4")
		}
	}
}

func TestManagers(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	type files = map[string]string
	add := func(name, version string, content, bin files) (sum512 string) {
		return srv.AddPackage(name, version, content, map[string]any{"bin": bin})
	}
	yarn1 := add("yarn", "1.22.22", files{"bin/yarn.js": "y1"},
		files{"yarn": "./bin/yarn.js", "yarnpkg": "./bin/yarn.js"})
	add("yarn", "2.4.3", files{"bin/yarn.js": "no"}, files{"yarn": "./bin/yarn.js"})
	add("@yarnpkg/cli-dist", "4.9.2", files{"bin/yarn.js": "y4"}, files{"yarn": "bin/yarn.js"})
	add("pnpm", "10.1.0", files{"bin/pnpm.cjs": "p"}, files{"pnpm": "bin/pnpm.cjs", "pnpx": "bin/pnpm.cjs"})
	add("@pnpm/exe.linux-x64", "12.1.0", files{"pnpm": "native"}, nil)
	srv.AddPackage("pnpm", "12.1.0", files{"pnpm": "placeholder", "pnx": "placeholder"}, map[string]any{
		"bin":                  files{"pnpm": "pnpm", "pnx": "./pnx"},
		"optionalDependencies": files{"@pnpm/exe.linux-x64": "12.1.0"},
	})
	add("@oven/bun-linux-x64", "1.2.20", files{"bin/bun": "b"}, nil)
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
		req := toolchain.Request{Tool: c.tool, Constraint: c.constraint, Hash: c.hash}
		got, err := st.Ensure(t.Context(), []toolchain.Request{req}, nil)
		if err != nil {
			t.Errorf("%s %q: %v", c.tool, c.constraint, err)
			continue
		}
		program := filepath.Join(got[0].Dir, c.file)
		info, err := os.Stat(program)
		if err != nil || info.Mode()&0o100 == 0 || testkit.Read(t, program) != c.body || got[0].Version != c.version {
			t.Errorf("%s %q = %+v, %v", c.tool, c.constraint, got[0], err)
		}
	}
	// The yarn 2 of the package "yarn" is not the program.
	toolchaintest.Fails(t, st, "yarn", "2.4.3", "no version matches (it has 4.9.2)")
}

const (
	pnpmList = "/npm/pnpm"
	pnpmFile = "/npm/pnpm/-/pnpm-10.1.0.tgz"
)

// checkAuthorization checks with which credentials pnpm was asked for.
func checkAuthorization(t *testing.T, srv *toolchaintest.Server, want string) {
	t.Helper()
	for _, path := range []string{pnpmList, pnpmFile} {
		if got := srv.Header(path).Get("Authorization"); got != want {
			t.Errorf("%s was asked for with %q, want %q", path, got, want)
		}
	}
}

func TestRegistryTokens(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	srv.AddPnpm("10.1.0")
	// A mirror that hands on the documents of its upstream: the tarball's address is another
	// host's.
	srv.MoveTarball("pnpm", "10.1.0", "https://upstream.invalid/pnpm/-/pnpm-10.1.0.tgz")
	host := strings.TrimPrefix(srv.URL, "http:")
	toolchaintest.Get(t, srv.Open(t.TempDir(), func(s *toolchain.Settings) {
		s.NpmTokens = map[string]string{
			host + "/": "wide", host + "/npm/": "narrow", host + "/np": "no", "//other.invalid/": "other",
		}
	}), "pnpm", "")
	checkAuthorization(t, srv, "Bearer narrow")
}

func TestRegistryPassword(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	srv.AddPnpm("10.1.0")
	toolchaintest.Get(t, srv.Open(t.TempDir(), func(s *toolchain.Settings) {
		s.NpmRegistry = func(context.Context) (string, error) {
			return strings.Replace(srv.URL, "//", "//u:p@", 1) + "/npm", nil
		}
	}), "pnpm", "")
	checkAuthorization(t, srv, "Basic dTpw")
	if got := srv.Header(pnpmFile).Get("Accept-Encoding"); got != "identity" {
		t.Errorf("Accept-Encoding is %q", got)
	}
}

func TestHostilePackages(t *testing.T) {
	t.Parallel()
	for name, bin := range map[string]map[string]string{
		"outside": {"pnpm": "../../../../x"}, "absolute": {"pnpm": "/bin/sh"}, "name": {"../pnpm": "p.cjs"},
		"missing": {"pnpm": "q.cjs"}, "none": {},
	} {
		srv, dir := toolchaintest.NewServer(t), t.TempDir()
		srv.AddPackage("pnpm", "10.1.0", map[string]string{"p.cjs": "p"}, map[string]any{"bin": bin})
		toolchaintest.Fails(t, srv.Open(dir), "pnpm", "", "unpacking pnpm 10.1.0: it")
		if left := toolchaintest.Staging(t, dir); len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}
