package reference_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/reference"
	"slugc/cache/digest"
	"slugc/cache/testkit"
)

func TestParse(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{
		"bp/x": "", "ns/name/x": "", "bp.tgz": "x", "repo/.git/HEAD": "", "bare.git/objects/x": "", "a b/x": "",
	})
	zeros := "sha256:" + strings.Repeat("0", 64)
	const gh = "https://github.com/heroku/heroku-buildpack-"
	git := func(addr, rev, sub string) reference.Ref {
		return reference.Ref{Kind: reference.Git, Addr: addr, Rev: rev, Sub: sub}
	}
	archive := func(addr string) reference.Ref { return reference.Ref{Kind: reference.Archive, Addr: addr} }
	local := func(kind reference.RefKind, name string) reference.Ref {
		return reference.Ref{Kind: kind, Path: filepath.Join(dir, name)}
	}
	pinned := archive("http://host.example/bp?x=1")
	pinned.SHA256 = digest.Digest(zeros)
	configured := git("https://u:p@host.example/bp.git", "v1", "")
	const host = "host.example/ns/bp"
	for text, want := range map[string]reference.Ref{
		"node":                                  {Kind: reference.Builtin, ID: "node"},
		"slugc/go":                              {Kind: reference.Builtin, ID: "go"},
		"from=builder:slugc/go":                 {Kind: reference.Builtin, ID: "go"},
		"urn:cnb:builder:slugc/go":              {Kind: reference.Builtin, ID: "go"},
		"bp":                                    local(reference.Directory, "bp"),
		"./bp/":                                 local(reference.Directory, "bp"),
		"ns/name":                               local(reference.Directory, "ns/name"),
		"bp.tgz":                                local(reference.Archive, "bp.tgz"),
		dir + "/bp":                             local(reference.Directory, "bp"),
		"file://" + dir + "/bp":                 local(reference.Directory, "bp"),
		"file://" + dir + "/a%20b":              local(reference.Directory, "a b"),
		"file://" + dir + "/bp.tgz":             local(reference.Archive, "bp.tgz"),
		"file://" + dir + "/repo":               git("file://"+dir+"/repo", "", ""),
		"file://" + dir + "/bare.git#main:a/b":  git("file://"+dir+"/bare.git", "main", "a/b"),
		"https://host.example/bp.tgz":           archive("https://host.example/bp.tgz"),
		"https://host.example/bp.tgz?X-Sig=1":   archive("https://host.example/bp.tgz?X-Sig=1"),
		"https://host.example/o/r/tarball/main": archive("https://host.example/o/r/tarball/main"),
		"http://127.0.0.1:80/bp.zip":            archive("http://127.0.0.1:80/bp.zip"),
		"http://host.example/bp?x=1#sha256=" + zeros[7:]:     pinned,
		"https://github.com/heroku/heroku-buildpack-go":      git(gh+"go", "", ""),
		"git://github.com/heroku/heroku-buildpack-go.git#v1": git(gh+"go.git", "v1", ""),
		"https://host.example/bp.git#feature/x:dir/":         git("https://host.example/bp.git", "feature/x", "dir"),
		"https://host.example/bp.git#:dir":                   git("https://host.example/bp.git", "", "dir"),
		"https://u:p@host.example/bp.git#v1":                 configured,
		"git@host.example:o/bp.git#main":                     git("git@host.example:o/bp.git", "main", ""),
		"ssh://git@host.example:22/o/bp.git":                 git("ssh://git@host.example:22/o/bp.git", "", ""),
		"heroku/python":                                      git(gh+"python", "", ""),
		"urn:buildpack:heroku/nodejs":                        git(gh+"nodejs", "", ""),
		"docker://host.example/ns/bp:1":                      {Kind: reference.Image, Addr: "host.example/ns/bp:1"},
		"docker://" + host + "@" + zeros:                     {Kind: reference.Image, Addr: host + "@" + zeros},
		"docker:/host.example/bp":                            {Kind: reference.Image, Addr: "host.example/bp:latest"},
		"urn:cnb:registry:ns/bp@1.2":                         {Kind: reference.Registry, ID: "ns/bp", Rev: "1.2"},
		"ns/bp@1.2":                                          {Kind: reference.Registry, ID: "ns/bp", Rev: "1.2"},
		"ns/bp":                                              {Kind: reference.Archive, ID: "ns/bp"},
		"slugc/go@1":                                         {Kind: reference.Builtin, ID: "go", Rev: "1"},
		"urn:cnb:registry:ns/bp":                             {Kind: reference.Registry, ID: "ns/bp"},
	} {
		got, err := reference.Parse(text, dir)
		if strings.ContainsAny(got.Text, "?") || strings.Contains(got.Text, "u:p") || got.Text == "" {
			t.Errorf("%s is shown as %s", text, got.Text)
		}
		got.Text = ""
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"bp/x": "", "bp.tgz": "x"})
	for text, want := range map[string]string{
		"":                                     "buildpack/reference-invalid empty",
		"a\nb":                                 "buildpack/reference-invalid control",
		"bp#main":                              "buildpack/reference-invalid file://",
		"bp.tgz#main":                          `buildpack/reference-invalid "main"`,
		"https://host.example/a.tgz#sha256=12": `buildpack/reference-invalid "sha256=12"`,
		"http://host.example/bp.tgz":           "buildpack/reference-invalid sha256",
		"http://host.example/bp.git":           "buildpack/reference-invalid https or ssh",
		"git://host.example/bp.git":            `buildpack/reference-invalid "git"`,
		"ext::sh -c id":                        "buildpack/not-found",
		"ftp://host.example/bp.tgz":            `buildpack/reference-invalid "ftp"`,
		"https://host.example/bp.git#--upload-pack=x": "buildpack/reference-invalid --upload-pack",
		"https://host.example/bp.git#a..b":            "buildpack/reference-invalid a..b",
		"https://host.example/bp.git#main:../x":       "buildpack/reference-invalid ../x",
		"git@-oProxyCommand=x:y":                      "buildpack/",
		"ssh://-oProxyCommand=x/y":                    "buildpack/reference-invalid dash",
		"git@host.example:-x":                         "buildpack/reference-invalid dash",
		"docker://UPPER/x y":                          "buildpack/reference-invalid image",
		"urn:cnb:builder:heroku/go@1":                 "buildpack/no-builder heroku/go",
		"urn:cnb:registry:heroku":                     "buildpack/reference-invalid ns/name",
		"https://host.example/bp.git?A=1#v1":          "buildpack/reference-invalid --env",
		"urn:isbn:1":                                  "buildpack/reference-invalid URN",
		"python":                                      "buildpack/not-found python",
		"urn:buildpack:Acme Inc":                      "buildpack/reference-invalid ns/name",
		"/none/bp":                                    "buildpack/not-found /none/bp",
		"file:///none/bp.git#main":                    "buildpack/not-found /none/bp.git",
	} {
		r, err := reference.Parse(text, dir)
		e, ok := errors.AsType[*reference.Error](err)
		id, word, _ := strings.Cut(want, " ")
		if !ok || !strings.HasPrefix(e.ID, id) || !strings.Contains(e.Error(), word) || len(e.Hints) == 0 ||
			strings.Contains(e.Error(), "\n") || r.Kind != "" {
			t.Errorf("%q: %v, %+v, want %s", text, err, r, want)
		}
	}
	if _, err := reference.Parse("https://user:secret@host.example/bp.git?TOKEN=secret#a..b", dir); err == nil ||
		strings.Contains(err.Error(), "secret") {
		t.Errorf("an error shows a password: %v", err)
	}
}
