package toolchain_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
)

func TestManagerConstraints(t *testing.T) {
	versions := []string{"1.22.19", "1.22.22", "3.6.3", "4.9.2", "5.0.0-rc.1"}
	for _, c := range []struct{ tool, in, want string }{
		{"yarn", "", "1.22.22"}, {"yarn", "classic", "1.22.22"}, {"yarn", "1.x", "1.22.22"}, {"yarn", ">=1.22", "1.22.22"}, {"yarn", "1.22.19", "1.22.19"},
		{"yarn", "berry", "4.9.2"}, {"yarn", "stable", "4.9.2"}, {"yarn", ">=2 <4", "3.6.3"}, {"yarn", "4.9.2", "4.9.2"}, {"yarn", "9", ""},
		{"pnpm", "", "4.9.2"}, {"pnpm", "latest", "4.9.2"}, {"pnpm", "next", "5.0.0-rc.1"}, {"pnpm", "nosuchtag", ""}, {"pnpm", ">=3", "4.9.2"},
		{"pnpm", "3", "3.6.3"}, {"npm", "*", "4.9.2"}, {"npm", "5.0.0-rc.1", "5.0.0-rc.1"},
	} {
		got, err := toolchain.PickManager(
			c.tool,
			c.in,
			versions,
			map[string]string{"latest": "4.9.2", "next": "5.0.0-rc.1"},
		)
		if err != nil || got != c.want {
			t.Errorf("%s %q = %q, %v; want %q", c.tool, c.in, got, err, c.want)
		}
	}
	if _, err := toolchain.PickManager("pnpm", ">=3, <4", versions, nil); err == nil {
		t.Error("a range with a comma is read")
	}
}

func TestManagers(t *testing.T) {
	w := newWorld(t)
	bin := func(m map[string]string) map[string]any { return map[string]any{"bin": m} }
	yarn1 := w.npm(
		"yarn",
		"1.22.22",
		map[string]string{"bin/yarn.js": "y1"},
		bin(map[string]string{"yarn": "./bin/yarn.js", "yarnpkg": "./bin/yarn.js"}),
	)
	w.npm("yarn", "2.4.3", map[string]string{"bin/yarn.js": "no"}, bin(map[string]string{"yarn": "./bin/yarn.js"}))
	w.npm(
		"@yarnpkg/cli-dist",
		"4.9.2",
		map[string]string{"bin/yarn.js": "y4"},
		bin(map[string]string{"yarn": "bin/yarn.js"}),
	)
	w.npm(
		"pnpm",
		"10.1.0",
		map[string]string{"bin/pnpm.cjs": "p"},
		bin(map[string]string{"pnpm": "bin/pnpm.cjs", "pnpx": "bin/pnpm.cjs"}),
	)
	w.npm("@pnpm/exe.linux-x64", "12.1.0", map[string]string{"pnpm": "native"}, nil)
	w.npm("pnpm", "12.1.0", map[string]string{"pnpm": "placeholder", "pnx": "placeholder"}, map[string]any{
		"bin": map[string]string{
			"pnpm": "pnpm",
			"pnx":  "./pnx",
		}, "optionalDependencies": map[string]string{"@pnpm/exe.linux-x64": "12.1.0"},
	})
	w.npm("@oven/bun-linux-x64", "1.2.20", map[string]string{"bin/bun": "b"}, nil)
	st := w.open(t.TempDir())
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
	if err := fails(t, st, "yarn", "2.4.3"); !strings.Contains(err.Error(), "no version matches (it has 4.9.2)") {
		t.Errorf("yarn 2 of the old package: %v", err)
	}
}

func TestPinIsHeld(t *testing.T) {
	w := newWorld(t)
	w.npm("pnpm", "10.1.0", map[string]string{"p.cjs": "p"}, map[string]any{"bin": map[string]string{"pnpm": "p.cjs"}})
	dir := t.TempDir()
	req := toolchain.Request{
		Tool:       "pnpm",
		Constraint: "10.1.0",
		From:       "package.json packageManager",
		Hash:       "sha512." + strings.Repeat("0", 128),
	}
	check := func(st *toolchain.Store) {
		t.Helper()
		_, err := st.Ensure(t.Context(), []toolchain.Request{req}, nil)
		var pin *toolchain.HashError
		if !errors.As(err, &pin) || !strings.Contains(err.Error(), "that package.json packageManager pins") {
			t.Errorf("got %v", err)
		}
	}
	check(w.open(dir))
	if held, _ := w.open(dir).List(); len(held) > 0 {
		t.Errorf("the store has %v", held)
	}
	one(t, w.open(dir), "pnpm", "10.1.0")
	check(w.open(dir)) // nor is what the store holds used against the pin
}

func TestRegistryAddresses(t *testing.T) {
	w := newWorld(t)
	bin := map[string]any{"bin": map[string]string{"pnpm": "p.cjs"}}
	w.npm("pnpm", "10.1.0", map[string]string{"p.cjs": "p"}, bin)
	// A mirror that hands on its upstream's documents: the tarball's address is another host's.
	dist := w.packs["pnpm"]["10.1.0"].(map[string]any)["dist"].(map[string]any)
	dist["tarball"] = "https://upstream.invalid/pnpm/-/pnpm-10.1.0.tgz"
	w.packument("pnpm", map[string]string{"latest": "10.1.0"})
	host := strings.TrimPrefix(w.srv.URL, "http://")
	st := w.open(t.TempDir(), func(s *toolchain.Settings) {
		s.NpmTokens = map[string]string{
			"//" + host + "/":     "wide",
			"//" + host + "/npm/": "narrow",
			"//" + host + "/np":   "no",
			"//other.invalid/":    "other",
		}
	})
	one(t, st, "pnpm", "")
	for _, p := range []string{"/npm/pnpm", "/npm/pnpm/-/pnpm-10.1.0.tgz"} {
		if got := w.head[p].Get("Authorization"); got != "Bearer narrow" {
			t.Errorf("%s was asked with %q", p, got)
		}
	}
}

func TestRegistryPassword(t *testing.T) {
	w := newWorld(t)
	w.npm("pnpm", "10.1.0", map[string]string{"p.cjs": "p"}, map[string]any{"bin": map[string]string{"pnpm": "p.cjs"}})
	st := w.open(t.TempDir(), func(s *toolchain.Settings) {
		s.NpmRegistry = func(context.Context) (string, error) {
			return strings.Replace(w.srv.URL, "//", "//u:p@", 1) + "/npm", nil
		}
	})
	one(t, st, "pnpm", "")
	for _, p := range []string{"/npm/pnpm", "/npm/pnpm/-/pnpm-10.1.0.tgz"} {
		if got := w.head[p].Get("Authorization"); got != "Basic dTpw" {
			t.Errorf("%s was asked with %q", p, got)
		}
	}
	if got := w.head["/npm/pnpm/-/pnpm-10.1.0.tgz"].Get("Accept-Encoding"); got != "identity" {
		t.Errorf("Accept-Encoding is %q", got)
	}
}

func TestHostilePackages(t *testing.T) {
	for name, bin := range map[string]map[string]string{
		"outside": {"pnpm": "../../../../x"}, "absolute": {"pnpm": "/bin/sh"}, "name": {"../pnpm": "p.cjs"}, "missing": {"pnpm": "q.cjs"}, "none": {},
	} {
		w := newWorld(t)
		w.npm("pnpm", "10.1.0", map[string]string{"p.cjs": "p"}, map[string]any{"bin": bin})
		dir := t.TempDir()
		err := fails(t, w.open(dir), "pnpm", "")
		if !strings.Contains(err.Error(), "unpacking pnpm 10.1.0: it") {
			t.Errorf("%s: %v", name, err)
		}
		left, _ := os.ReadDir(filepath.Join(dir, ".staging"))
		if len(left) > 0 {
			t.Errorf("%s leaves %v", name, left)
		}
	}
}
