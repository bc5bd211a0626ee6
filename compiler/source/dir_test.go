package source_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"slugc/cache/digest"
	"slugc/cache/unpack"
	"slugc/compiler/source"
)

func TestDirRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script, id, names string }{
		{"FIFO", "mkfifo pipe", "source/entry-refused", "pipe"},
		{"socket", "", "source/entry-refused", "sock"},
		{"link absolute", "ln -s /etc/passwd l", "source/entry-refused", "l"},
		{"link out", "mkdir d; ln -s ../../x d/l", "source/entry-refused", "d/l"},
		{"ignore file is a link", "echo x > a; ln -s a .slugignore", "source/entry-refused", ".slugignore"},
		{"ignore file too large", "head -c 100000 /dev/zero > .slugignore", "source/too-large", ".slugignore"},
		{"bytes", "head -c 2000000 /dev/zero > zeros", "source/too-large", "zeros"},
		{"files", "touch $(seq 101)", "source/too-large", "100"},
		{"depth", "mkdir -p a/b/c/d/e/f; touch a/b/c/d/e/f/g", "source/too-large", "a/b/c/d/e"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			sh(t, dir, tt.script)
			if tt.name == "socket" {
				if err := syscall.Mknod(filepath.Join(dir, "sock"), syscall.S_IFSOCK|0o600, 0); err != nil {
					t.Fatal(err)
				}
			}
			_, err := source.Open(
				context.Background(),
				source.Spec{Dir: dir},
				source.Options{Limits: unpack.Limits{Bytes: 1 << 20, Files: 100, Depth: 4}},
			)
			wantFault(t, err, tt.id, tt.names)
			// What is ignored is not looked at.
			if tt.names != ".slugignore" {
				sh(t, dir, "echo '*' > .slugignore")
				open(
					t,
					source.Spec{Dir: dir},
					source.Options{Limits: unpack.Limits{Bytes: 1 << 20, Files: 100, Depth: 4}},
				)
			}
		})
	}
}

func TestTwistedLinkRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, "mkdir -p d/e; ln -s .. d/e/up; ln -s d/e/up/../../x x")
	s := open(t, source.Spec{Dir: dir}, source.Options{})
	dest := filepath.Join(t.TempDir(), "tree")
	_, err := s.Stage(context.Background(), dest)
	wantFault(t, err, "source/entry-refused", `"x"`)
	wantNothing(t, filepath.Dir(dest))
}

func wantNothing(t *testing.T, dir string) {
	t.Helper()
	if left := sh(t, dir, "ls -A"); left != "" {
		t.Errorf("left behind in %s: %s", dir, left)
	}
}

func TestSubdir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(
		t,
		dir,
		`mkdir -p services/web outside; echo w > services/web/Procfile; echo '*.log' > services/web/.slugignore;
			touch services/web/a.log a.log
		ln -s /etc out; ln -s services in; echo x > file`,
	)
	sh(t, dir, "cd services && mkdir app && mv web/* web/.slugignore app && rmdir web && mv app web")
	repo := clone(t, dir)
	var want digest.Digest
	for name, spec := range map[string]source.Spec{
		"dir":      {Kind: source.Dir, Dir: dir, Subdir: "services/web"},
		"slashes":  {Kind: source.Dir, Dir: dir, Subdir: "./services//web/"},
		"git":      {Kind: source.Git, Dir: repo, Subdir: "services/web"},
		"by link":  {Kind: source.Dir, Dir: dir, Subdir: "in/web"},
		"the same": {Kind: source.Dir, Dir: filepath.Join(dir, "services/web")},
	} {
		tree := stage(t, spec, source.Options{})
		if want == "" {
			want = tree.Digest
		}
		if tree.Digest != want || tree.Files != 2 || tree.Ignored != 1 {
			t.Errorf("%s: %+v", name, tree)
		}
	}
	for _, sub := range []string{"..", "../x", "/etc", "services/../../x", "none", "file", "out",
		"services/none", "services\x00"} {
		for _, spec := range []source.Spec{{Kind: source.Dir, Dir: dir, Subdir: sub}, {Kind: source.Git,
			Dir: repo, Subdir: sub}} {
			_, err := source.Open(context.Background(), spec, source.Options{})
			wantFault(t, err, "source/subdir-missing", fmt.Sprintf("%q", sub))
		}
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, "touch file")
	for _, kind := range []source.Kind{source.Dir, source.Git} {
		for _, d := range []string{"none", "file"} {
			_, err := source.Open(
				context.Background(),
				source.Spec{Kind: kind, Dir: filepath.Join(dir, d)},
				source.Options{},
			)
			wantFault(t, err, "source/not-found", d)
		}
	}
}

// TestUnreadable reads as another user, because root may read everything.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		dir := t.TempDir()
		sh(t, "/", `cp "$0" "$1/test" && chmod 755 "$1" "$1/.." "$1/test" && mkdir -m 1777 "$1/tmp"`, os.Args[0], dir)
		cmd := exec.Command(filepath.Join(dir, "test"), "-test.run=^TestUnreadable$", "-test.v")
		cmd.Dir = "/"
		cmd.Env = []string{"TMPDIR=" + dir + "/tmp", "PATH=" + os.Getenv("PATH")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestUnreadable") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	for _, script := range []string{"echo x > secret; chmod 0 secret", "mkdir secret; chmod 0 secret"} {
		dir := t.TempDir()
		sh(t, dir, script)
		_, err := source.Open(context.Background(), source.Spec{Dir: dir}, source.Options{})
		wantFault(t, err, "source/unreadable", "secret")
		sh(t, dir, "echo secret > .slugignore")
		stage(t, source.Spec{Dir: dir}, source.Options{})
		sh(t, dir, "chmod 700 secret")
	}
}

func TestGitDirsAreLeftOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(
		t,
		dir,
		`git init -q .; git init -q vendor/lib; echo x > vendor/lib/a; mkdir sub;
			echo 'gitdir: ../x' > sub/.git; echo y > sub/b; echo '!.git' > .slugignore; mkdir .github;
			echo z > .github/c; echo .gitignore > .gitignore`,
	)
	tree := stage(t, source.Spec{Dir: dir}, source.Options{})
	got := sh(t, tree.Root, "find . ! -type d | sort | tr '\n' ' '")
	if want := "./.github/c ./.slugignore ./sub/b ./vendor/lib/a"; got != want {
		t.Errorf("staged %s, want %s", got, want)
	}
}

// TestPointerWarnings warns of Git LFS pointers.
func TestPointerWarnings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(
		t,
		dir,
		`p() { printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 5\n' 7 > $1;
			touch -d '1 hour ago' $1; }; p big.bin; p left.bin
echo 'version https://git-lfs.github.com/spec/v1' > notes; echo /left.bin > .slugignore; touch -d '1 hour ago' notes`,
	)
	one := `"big.bin" is a Git LFS pointer, not the file itself; ` + "`git lfs pull` puts the content in its place."
	o := source.Options{StatCache: filepath.Join(t.TempDir(), "stat")}
	for range 2 {
		if got := stage(t, source.Spec{Dir: dir}, o).Warnings; len(got) != 1 || got[0] != one {
			t.Errorf("warnings %q, want %q", got, one)
		}
	}
	sh(t, dir, "cp big.bin a.bin; tar cf ../app.tar .")
	f, err := os.Open(filepath.Join(filepath.Dir(dir), "app.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	two := `"a.bin", "big.bin" are Git LFS pointers, not the files themselves; ` +
		"`git lfs pull` puts the content in their place."
	if got := stage(t, source.Spec{Kind: source.Tarball, Reader: f, Temp: t.TempDir()}, o).Warnings; len(got) != 1 ||
		got[0] != two {
		t.Errorf("warnings %q, want %q", got, two)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, `mkdir -p a/b; touch .env .env.production .env.example a/b/id_rsa a/id_rsa.pub
		echo '//r.example.com/:_authToken=npm_secret' > .npmrc;
			echo '//r.example.com/:_authToken=${TOKEN}' > a/.npmrc; ln -s x .netrc`)
	tree := stage(t, source.Spec{Dir: dir}, source.Options{})
	want := `".env", ".env.production", ".npmrc", "a/b/id_rsa" are in the source and will be in the slug;` +
		` add them to .slugignore.`
	if len(tree.Warnings) != 1 || tree.Warnings[0] != want {
		t.Errorf("warnings %q, want %q", tree.Warnings, want)
	}
	sh(t, dir, `printf '.env*\n.npmrc\nid_rsa\n' > .slugignore`)
	if tree := stage(t, source.Spec{Dir: dir}, source.Options{}); len(tree.Warnings) != 0 {
		t.Errorf("warnings %q of what is ignored", tree.Warnings)
	}
}

func TestOriginalIsOnlyRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, app)
	look := `find . -printf '%p %i %n %m %s %T@ %C@ %l\n' | sort`
	before := sh(t, dir, look)
	tree := stage(t, source.Spec{Dir: dir}, source.Options{StatCache: filepath.Join(t.TempDir(), "stat")})
	sh(t, tree.Root, "find . -type f -exec sh -c 'echo changed > \"$1\"' - {} \\;; rm -r lib")
	if after := sh(t, dir, look); after != before {
		t.Errorf("the original was changed:\n%s\nbefore:\n%s", after, before)
	}
}

func TestUmask(t *testing.T) {
	dir := t.TempDir()
	sh(t, dir, app)
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	tree := stage(t, source.Spec{Dir: dir}, source.Options{})
	if odd := sh(t, tree.Root, `find . ! -type l ! -perm 755 ! -perm 644`); odd != "" {
		t.Errorf("odd modes: %s", odd)
	}
}

// TestChanging changes the source between Open and Stage: the tree must not lie, and nothing is
// left.
func TestChanging(t *testing.T) {
	t.Parallel()
	changes := map[string]string{
		"content": "printf 'moDule' > lib/deep/er/a.go",
		"content and time": "touch -r lib/deep/er/a.go ref; printf 'moDule' > lib/deep/er/a.go; " +
			"touch -r ref lib/deep/er/a.go",
		"shorter":    ": > lib/deep/er/a.go",
		"longer":     "echo >> lib/deep/er/a.go",
		"mode":       "chmod +x lib/deep/er/a.go",
		"gone":       "rm lib/deep/er/a.go",
		"replaced":   "printf module > new; mv new lib/deep/er/a.go",
		"a link":     "rm lib/deep/er/a.go; ln -s /etc/passwd lib/deep/er/a.go",
		"a FIFO":     "rm lib/deep/er/a.go; mkfifo lib/deep/er/a.go",
		"dir a link": "mv lib/deep/er x; ln -s /etc lib/deep/er",
	}
	for name, script := range changes {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			sh(t, dir, app)
			s := open(t, source.Spec{Dir: dir}, source.Options{})
			sh(t, dir, script)
			dest := filepath.Join(t.TempDir(), "tree")
			tree, err := s.Stage(context.Background(), dest)
			if err == nil {
				t.Fatalf("staged %+v", tree)
			}
			wantFault(t, err, "source/changing", "lib/deep/er/a.go")
			wantNothing(t, filepath.Dir(dest))
		})
	}
}

func TestStageTwiceAndOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, app)
	s := open(t, source.Spec{Dir: dir}, source.Options{Workers: 4})
	dest := filepath.Join(t.TempDir(), "a")
	for _, d := range []string{dest, dest + "2"} {
		if _, err := s.Stage(context.Background(), d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Stage(context.Background(), dest); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("staged over a tree: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Stage(ctx, dest+"3"); err == nil {
		t.Error("staged when cancelled")
	}
	if got := sh(t, filepath.Dir(dest), "ls -A | tr '\n' ' '"); got != "a a2" {
		t.Errorf("left behind: %s", got)
	}
	if _, err := source.Open(ctx, source.Spec{Dir: dir}, source.Options{}); err == nil {
		t.Error("opened when cancelled")
	}
}

// BenchmarkOpenWarm opens 10,000 files that have not changed.
func BenchmarkOpenWarm(b *testing.B) {
	dir := b.TempDir()
	for i := range 10_000 {
		name := filepath.Join(dir, fmt.Sprintf("d%d/e%d/f%d.js", i%40, i%8, i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(name), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	time.Sleep(2100 * time.Millisecond) // younger files are not remembered
	o := source.Options{StatCache: filepath.Join(b.TempDir(), "stat")}
	for b.Loop() {
		s, err := source.Open(context.Background(), source.Spec{Dir: dir}, o)
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
