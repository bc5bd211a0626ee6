package slug_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"slugc/compiler/procfile"
	"slugc/compiler/slug"
)

// Example packs a directory, verifies the slug and lists its sections.
func Example() {
	dir, err := os.MkdirTemp("", "example-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	app, modules := filepath.Join(dir, "app"), filepath.Join(dir, "app", "node_modules")
	if err := os.MkdirAll(filepath.Join(modules, "left-pad"), 0o755); err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"server.js", "package.json", "node_modules/left-pad/index.js"} {
		if err := os.WriteFile(filepath.Join(app, name), []byte("// "+name+"\n"), 0o644); err != nil {
			log.Fatal(err)
		}
	}

	ctx := context.Background()
	packed, err := slug.Pack(ctx, slug.PackOptions{
		Output: filepath.Join(dir, "hello.tgz"),
		Sections: []slug.Section{
			{Name: "slice:node_modules", Dir: modules, Prefix: "node_modules"},
			{Name: "app", Dir: app, Exclude: []string{"node_modules"}},
		},
		Manifest: slug.Manifest{
			ProcessTypes: procfile.ProcessMap{{Type: "web", Command: "node server.js"}},
			Target:       "linux/amd64",
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	manifest, err := slug.Verify(ctx, packed.Path, packed.Digest)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range manifest.Sections {
		fmt.Printf("%s: %d entries below ./app/%s\n", s.Name, s.Entries, s.Prefix)
	}
	// Output:
	// slice:node_modules: 3 entries below ./app/node_modules
	// app: 2 entries below ./app/
}
