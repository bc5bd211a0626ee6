package ruby

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/tree"
)

const (
	precompile  = "assets:precompile"
	assetsLayer = "ruby-assets"
	maxAssets   = 100 << 20 // bytes of compilers' caches that are kept
)

// assetCaches are what compilers of assets keep between builds, keyed by content. public/assets
// itself is not among them: what is in the slug must be what a build from nothing gives.
var assetCaches = []string{"tmp/cache/assets", "tmp/cache/webpacker", "tmp/cache/shakapacker", "tmp/cache/vite"}

// manifests are the files by which Sprockets and Propshaft say that the assets were compiled
// before.
var manifests = []string{"public/assets/.sprockets-manifest-*.json", "public/assets/manifest-*.json",
	"public/assets/manifest.yml", "public/assets/.manifest.json"}

// assets compiles the app's assets where it has the task for it.
func (b *work) assets() error {
	if !b.rake.tasks[precompile] {
		return nil
	}
	b.say.Step("Compiling assets")
	if found := b.glob(manifests...); len(found) > 0 {
		rel, _ := filepath.Rel(b.dir, found[0])
		b.say.Detail("%s is checked in, so the assets are taken as they are", rel)
		return nil
	}
	if b.env.get("RAILS_ENV") != "production" {
		b.say.Warn("RAILS_ENV is %q at this build, not production.", b.env.get("RAILS_ENV"))
	}
	layer, err := b.layer(assetsLayer)
	if err != nil {
		return err
	}
	if err := b.lendCaches(layer); err != nil {
		return fmt.Errorf("restoring the assets' cache: %w", err)
	}
	b.say.Detail("Running bundle exec rake %s", precompile)
	began := time.Now()
	if _, err := b.run(call{argv: []string{"bundle", "exec", "rake", precompile, "--trace"}, all: true,
		drop: traced}); err != nil {
		return diagnose("ruby/assets-precompile-failed", err, b.taskPatterns())
	}
	b.say.Detail("Compiled in %.1f s", time.Since(began).Seconds())
	if err := b.takeCaches(layer); err != nil {
		return fmt.Errorf("keeping the assets' cache: %w", err)
	}
	layer.Metadata = map[string]any{"layout": layout}
	b.contribute(layer, libcnb.LayerTypes{Cache: true})
	return nil
}

// lendCaches puts the caches where the last build had them.
func (b *work) lendCaches(layer libcnb.Layer) error {
	for _, dir := range assetCaches {
		kept := filepath.Join(layer.Path, url.PathEscape(dir))
		if !tree.IsDir(kept) || tree.Exists(b.path(dir)) {
			continue
		}
		if err := tree.Move(kept, b.path(dir)); err != nil {
			return err
		}
	}
	return nil
}

// takeCaches takes them out of the app: none belongs in a slug.
func (b *work) takeCaches(layer libcnb.Layer) error {
	for _, dir := range assetCaches {
		kept, source := filepath.Join(layer.Path, url.PathEscape(dir)), b.path(dir)
		if !tree.IsDir(source) {
			continue
		}
		if err := errors.Join(os.RemoveAll(kept), tree.Move(source, kept)); err != nil {
			return err
		}
		for dir := filepath.Dir(source); dir != b.dir; dir = filepath.Dir(dir) {
			if os.Remove(dir) != nil { // refused unless it is empty
				break
			}
		}
	}
	return tree.Prune(layer.Path, maxAssets)
}
