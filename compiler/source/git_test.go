package source_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/cache/unpack"
	"slugc/compiler/source"
)

// plant makes a commit in a new repository from a tree that git itself would not make. The script
// prints the tree's id; `blob` writes one from stdin, and `tree` one from lines of mode, type, id
// and name, unchecked.
func plant(t *testing.T, script string) string {
	t.Helper()
	repo := filepath.Join(t.TempDir(), "repo.git")
	sh(t, "/", `git init -q --bare -b main "$0"`, repo)
	sh(t, repo, `set -e
blob() { git hash-object -w --stdin; }
entry() { printf '%s %b\0' "$1" "$3" >> t; printf "$(echo $2 | sed 's/../\\x&/g')" >> t; }
tree() { git hash-object -t tree -w --literally t; rm t; }
x=$(echo x | blob)
id=$(`+script+`)
git update-ref refs/heads/main $(git commit-tree -m c $id)`)
	return repo
}

// pointer makes a Git LFS pointer, $p.
const pointer = `p=$( (echo version https://git-lfs.github.com/spec/v1;
	printf 'oid sha256:%064d\nsize 5\n' 7) | blob); `

func TestGitRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script, id, names string }{
		{"parent", `entry 100644 $x ..; tree`, "source/entry-refused", ".."},
		{"up", `entry 100644 $x ../../evil; tree`, "source/entry-refused", "../../evil"},
		{"absolute", `entry 100644 $x /tmp/abs; tree`, "source/entry-refused", "/tmp/abs"},
		{"dot", `entry 100644 $x ./a; tree`, "source/entry-refused", "./a"},
		{"git dir", `entry 100644 $x config; s=$(tree); entry 40000 $s .git; tree`, "source/entry-refused", ".git"},
		{"git file", `entry 100644 $x .git; tree`, "source/entry-refused", ".git"},
		{"twice", `entry 100644 $x a; entry 100644 $x a; tree`, "source/entry-refused", "twice"},
		{
			"file and dir",
			`entry 100644 $x a; s=$(tree); entry 100644 $x f; entry 40000 $s f; tree`,
			"source/entry-refused",
			"f/a",
		},
		{
			"link and dir",
			`l=$(printf b | blob); entry 100644 $x a; s=$(tree); entry 120000 $l f; entry 40000 $s f; tree`,
			"source/entry-refused",
			"f/a",
		},
		{
			"link absolute",
			`l=$(printf /etc/passwd | blob); entry 120000 $l l; tree`,
			"source/entry-refused",
			"/etc/passwd",
		},
		{"link out", `l=$(printf ../../x | blob); entry 120000 $l l; tree`, "source/entry-refused", "../../x"},
		{"link to nothing", `l=$(printf '' | blob); entry 120000 $l l; tree`, "source/entry-refused", "l"},
		{"link with NUL", `l=$(printf 'a\0b' | blob); entry 120000 $l l; tree`, "source/entry-refused", "NUL"},
		{
			"link too long",
			`l=$(head -c 5000 /dev/zero | tr '\0' a | blob); entry 120000 $l l; tree`,
			"source/entry-refused",
			"l",
		},
		{"long name", `entry 100644 $x $(head -c 300 /dev/zero | tr '\0' n); tree`, "source/too-large", "nnn"},
		{
			"ignore file is a link", `l=$(printf a | blob); entry 120000 $l .slugignore; tree`,
			"source/entry-refused", ".slugignore",
		},
		{"submodule", `entry 160000 $x lib; tree`, "source/submodule", "lib"},
		{"LFS", pointer + `entry 100644 $p big.bin; tree`, "source/lfs-pointer", `"big.bin" is kept`},
		{
			"much LFS", pointer + `for i in 1 2 3 4 5 6 7; do entry 100644 $p $i.bin; done; tree`,
			"source/lfs-pointer", `"5.bin" and 2 more are kept`,
		},
		{"missing blob", `entry 100644 0123456789012345678901234567890123456789 a; tree`, "source/unreadable", ""},
		{"missing tree", `entry 40000 0123456789012345678901234567890123456789 a; tree`, "source/unreadable", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			repo := plant(t, tt.script)
			_, err := source.Open(context.Background(), source.Spec{Kind: source.Git, Dir: repo}, source.Options{})
			wantFault(t, err, tt.id, tt.names)
		})
	}
}

func TestGitAllowed(t *testing.T) {
	t.Parallel()
	repo := plant(
		t,
		pointer+`lfs=$(echo 'see version https://git-lfs.github.com/spec/v1' | blob);
			l=$(printf ../tool/cli.js | blob); a=$(printf '* export-ignore\nb export-subst\n' | blob);
			s=$(printf '$Format:%%H$' | blob); i=$(printf '/mods\n/big.bin\n' | blob)
entry 120000 $l x; b=$(tree); entry 40000 $b .bin; m=$(tree)
entry 160000 $x sub; mods=$(tree)
entry 100644 $a .gitattributes; entry 100644 $i .slugignore; entry 100644 $lfs LFS.md; entry 104755 $x 'a\nb';
	entry 100644 $s b; entry 100644 $p big.bin; entry 40000 $mods mods; entry 40000 $m node_modules;
	entry 100664 $x '\xff'; tree`,
	)
	tree := stage(t, source.Spec{Kind: source.Git, Dir: repo, Ref: "main"}, source.Options{})
	if tree.Files != 7 || tree.Ignored != 2 || len(tree.Commit) != 40 {
		t.Errorf("tree = %+v", tree)
	}
	// Attributes change nothing: a slug holds what the commit holds.
	if got, err := os.ReadFile(filepath.Join(tree.Root, "b")); err != nil || string(got) != "$Format:%H$" {
		t.Errorf("b = %q, %v", got, err)
	}
	if st, err := os.Stat(filepath.Join(tree.Root, "a\nb")); err != nil || st.Mode() != 0o755 {
		t.Errorf("a\\nb: %v, %v", st, err)
	}
}

func TestGitRefs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, app)
	repo := clone(t, dir)
	sh(
		t,
		repo,
		`git tag light; git tag -a -m t treetag HEAD^{tree}; git update-ref 'refs/heads/$(id)' HEAD;
			git update-ref refs/heads/-x HEAD`,
	)
	commit, treeID := sh(t, repo, "git rev-parse HEAD"), sh(t, repo, "git rev-parse HEAD^{tree}")
	for ref, want := range map[string]string{"": commit, "HEAD": commit, "main": commit, "v1": commit,
		"light": commit, commit: commit,
		commit[:10]: commit, "refs/heads/$(id)": commit, "refs/heads/-x": commit, treeID: "", "treetag": "",
		"HEAD^{tree}": ""} {
		s := open(t, source.Spec{Kind: source.Git, Dir: repo, Ref: ref}, source.Options{})
		if s.Commit() != want {
			t.Errorf("commit of %q = %q, want %q", ref, s.Commit(), want)
		}
	}
	for _, ref := range []string{"none", "-x", "--all", "^HEAD", "HEAD..main", "HEAD:Procfile",
		strings.Repeat("0", 40), "a b", "x\x00y", "--output=/tmp/x"} {
		_, err := source.Open(
			context.Background(),
			source.Spec{Kind: source.Git, Dir: repo, Ref: ref},
			source.Options{},
		)
		wantFault(t, err, "source/ref-not-found", fmt.Sprintf("%q", ref))
	}
	_, err := source.Open(context.Background(), source.Spec{Kind: source.Git, Dir: dir}, source.Options{})
	wantFault(t, err, "source/not-found", dir)
	_, err = source.Open(
		context.Background(),
		source.Spec{Kind: source.Git, Dir: filepath.Join(repo, "lib")},
		source.Options{},
	)
	wantFault(t, err, "source/not-found", "lib")
	// Neither another's repository nor a hook's variables are in the way.
	sh(t, repo, "chown -R 65534 . 2>/dev/null || true")
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"GIT_DIR=/nowhere",
		"GIT_WORK_TREE=/nowhere",
		"GIT_CONFIG_PARAMETERS='core.bare=true'",
		"GIT_INDEX_FILE=/x",
	}
	open(t, source.Spec{Kind: source.Git, Dir: repo, Env: env}, source.Options{})
	_, err = source.Open(
		context.Background(),
		source.Spec{Kind: source.Git, Dir: repo, Env: []string{"PATH=/nowhere"}},
		source.Options{},
	)
	wantFault(t, err, "source/no-git", "/nowhere")
}

// TestGitQuarantine opens a commit from inside a pre-receive hook, where its objects are not in the
// repository yet.
func TestGitQuarantine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, app+"\necho '$Id$' > id; echo 'id ident' > .gitattributes")
	repo := clone(t, dir)
	bare := filepath.Join(t.TempDir(), "bare.git")
	sh(
		t,
		"/",
		`git init -q --bare "$0";
			printf '#!/bin/sh\nenv > hook.env\nsleep 60 & echo $! > hook.pid\nwait\n' > "$0/hooks/pre-receive";
			chmod +x "$0/hooks/pre-receive"`,
		bare,
	)
	push := exec.Command("git", "push", "-q", bare, "main")
	push.Dir = repo
	if err := push.Start(); err != nil {
		t.Fatal(err)
	}
	defer push.Wait()
	var pid string
	for range 6000 {
		data, _ := os.ReadFile(filepath.Join(bare, "hook.pid"))
		pid = strings.TrimSpace(string(data))
		if pid != "" {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if pid == "" {
		t.Fatal("the push has not started its hook")
	}
	defer sh(t, "/", "kill "+pid)
	data, err := os.ReadFile(filepath.Join(bare, "hook.env"))
	if err != nil {
		t.Fatal(err)
	}
	env := strings.Split(strings.TrimSpace(string(data)), "\n")
	spec := source.Spec{Kind: source.Git, Dir: bare, Ref: sh(t, repo, "git rev-parse HEAD"), Temp: t.TempDir()}
	_, err = source.Open(context.Background(), spec, source.Options{})
	wantFault(t, err, "source/ref-not-found", spec.Ref)
	spec.Env = env
	tree := stage(t, spec, source.Options{})
	if got := sh(t, tree.Root, "cat id"); !strings.HasPrefix(got, "$Id: ") {
		t.Errorf("ident is not applied: %q", got)
	}
}

// TestGitBombs holds what is small and gets large to a few seconds.
func TestGitBombs(t *testing.T) {
	t.Parallel()
	bombs := map[string]string{
		"wide": `for i in 0 1 2 3 4 5 6 7 8 9; do entry 100644 $x $i; done; s=$(tree);
			for l in 1 2 3 4 5 6 7; do for i in 0 1 2 3 4 5 6 7 8 9; do entry 40000 $s $i; done; s=$(tree);
			done; echo $s`,
		"ignored": `g=$(echo '*' | blob); for i in 0 1 2 3 4 5 6 7 8 9; do entry 100644 $x $i; done;
			s=$(tree); for l in 1 2 3 4 5 6 7; do for i in 0 1 2 3 4 5 6 7 8 9; do entry 40000 $s $i; done;
			s=$(tree); done; entry 100644 $g .slugignore; entry 40000 $s z; tree`,
		"large":     `b=$(head -c 3000000 /dev/zero | blob); entry 100644 $b a; entry 100644 $b b; tree`,
		"very deep": deep(t, 100_000),
	}
	for name, script := range bombs {
		t.Run(name, func(t *testing.T) {
			repo := plant(t, script)
			_, err := source.Open(
				context.Background(),
				source.Spec{Kind: source.Git, Dir: repo},
				source.Options{Limits: unpack.Limits{Files: 20_000, Bytes: 5 << 20}},
			)
			wantFault(t, err, "source/too-large", "")
		})
	}
}

// deep is a script that prints a tree nested n deep. The trees come as one pack: 100,000 children
// would take minutes.
func deep(t *testing.T, n int) string {
	t.Helper()
	var pack bytes.Buffer
	pack.WriteString("PACK")
	binary.Write(&pack, binary.BigEndian, [2]uint32{2, uint32(n + 1)})
	z, _ := zlib.NewWriterLevel(&pack, zlib.NoCompression)
	object := func(kind byte, name string, body []byte) []byte {
		pack.Write([]byte{0x80 | kind<<4 | byte(len(body)&15), byte(len(body) >> 4)})
		z.Reset(&pack)
		z.Write(body)
		z.Close()
		id := sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", name, len(body), body))
		return id[:]
	}
	id, entry := object(3, "blob", []byte("x\n")), "100644 f\x00"
	for range n {
		id, entry = object(2, "tree", append([]byte(entry), id...)), "40000 a\x00"
	}
	sum := sha1.Sum(pack.Bytes())
	pack.Write(sum[:])
	file := filepath.Join(t.TempDir(), "deep.pack")
	if err := os.WriteFile(file, pack.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("git index-pack --stdin < %s >&2; echo %x", file, id)
}
