package slug_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/compiler/slug"
)

// packOnce packs one section and reports the sizes.
func packOnce(b *testing.B, out string, store *slug.Store, section slug.Section) {
	b.Helper()
	o := slug.PackOptions{Store: store, Sections: []slug.Section{section}, Output: out}
	p, err := slug.Pack(context.Background(), o)
	check(b, err)
	b.SetBytes(p.Manifest.Sections[0].Tar)
	b.ReportMetric(float64(p.Size)/1e6, "MB")
}

// BenchmarkPack packs the Go distribution's sources, and beside it does what others do.
func BenchmarkPack(b *testing.B) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	check(b, err)
	dir := b.TempDir()
	check(b, os.CopyFS(dir, os.DirFS(filepath.Join(strings.TrimSpace(string(root)), "src"))))
	out := filepath.Join(b.TempDir(), "slug.tgz")
	store, err := slug.OpenStore(b.TempDir())
	check(b, err)
	section := slug.Section{Name: "app", Dir: dir, Key: "key"}
	run := func(b *testing.B, store *slug.Store, section slug.Section) { packOnce(b, out, store, section) }
	b.Run("tar|gzip", func(b *testing.B) {
		for b.Loop() {
			check(b, exec.Command("sh", "-c", fmt.Sprintf("tar -cf - -C '%s' . | gzip -6 > '%s'", dir, out)).Run())
		}
		info, err := os.Stat(out)
		check(b, err)
		b.ReportMetric(float64(info.Size())/1e6, "MB")
	})
	b.Run("full", func(b *testing.B) {
		for b.Loop() {
			run(b, nil, section)
		}
	})
	run(b, store, section)
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			run(b, store, section)
		}
	})
	b.Run("one-line", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			check(
				b,
				os.WriteFile(filepath.Join(dir, "fmt", "print.go"), fmt.Appendf(nil, "package fmt // %d", i), 0o644),
			)
			run(b, store, section)
		}
	})
	b.Run("key", func(b *testing.B) {
		for b.Loop() {
			run(b, store, slug.Section{Name: "app", Key: "key"})
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			_, err := slug.Verify(context.Background(), out, "")
			check(b, err)
		}
	})
	b.Run("inspect", func(b *testing.B) {
		for b.Loop() {
			_, err := slug.Inspect(out)
			check(b, err)
		}
	})
}
