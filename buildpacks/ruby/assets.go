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
	maxAssets   = 100 << 20 // bytes of compiler caches that are kept
)

// assetCaches are the directories that asset compilers keep between builds. public/assets is not
// among them, because a slug must not depend on earlier builds.
var assetCaches = []string{"tmp/cache/assets", "tmp/cache/webpacker", "tmp/cache/shakapacker", "tmp/cache/vite"}

// assetManifests are the files that Sprockets and Propshaft write when they compile assets.
var assetManifests = []string{"public/assets/.sprockets-manifest-*.json", "public/assets/manifest-*.json",
	"public/assets/manifest.yml", "public/assets/.manifest.json"}

// assets compiles the app's assets if it has a task for that.
func (b *work) assets() error {
	if !b.rake.tasks[precompile] {
		return nil
	}
	b.Log.Step("Compiling assets")
	if found := b.glob(assetManifests...); len(found) > 0 {
		rel, _ := filepath.Rel(b.Dir, found[0])
		b.Log.Detail("%s is committed, so the committed assets are used", rel)
		return nil
	}
	if b.env.get("RAILS_ENV") != "production" {
		b.Log.Warn("RAILS_ENV is %q in this build, not production.", b.env.get("RAILS_ENV"))
	}
	layer, err := b.layer(assetsLayer)
	if err != nil {
		return err
	}
	if err := b.restoreCaches(layer); err != nil {
		return fmt.Errorf("restoring the assets' cache: %w", err)
	}
	b.Log.Detail("Running bundle exec rake %s", precompile)
	start := time.Now()
	if _, err := b.run(call{argv: []string{"bundle", "exec", "rake", precompile, "--trace"}, all: true,
		script: true, drop: isTrace}); err != nil {
		if exited(err) && b.saveCaches(layer) == nil { // the next build, with the app fixed, is then as fast
			layer.Metadata = map[string]any{"layout": layout}
			b.ContributeStore(layer)
		}
		return b.withStandIns(diagnose("ruby/assets-precompile-failed", err, b.taskPatterns()))
	}
	b.Log.Detail("Compiled in %.1f s", time.Since(start).Seconds())
	if err := b.saveCaches(layer); err != nil {
		return fmt.Errorf("keeping the assets' cache: %w", err)
	}
	layer.Metadata = map[string]any{"layout": layout}
	b.Contribute(layer, libcnb.LayerTypes{Cache: true})
	return nil
}

// restoreCaches moves the caches of the last build into the app.
func (b *work) restoreCaches(layer libcnb.Layer) error {
	for _, dir := range assetCaches {
		kept := filepath.Join(layer.Path, url.PathEscape(dir))
		if !tree.IsDir(kept) || tree.Exists(b.Path(dir)) {
			continue
		}
		if err := tree.Move(kept, b.Path(dir)); err != nil {
			return err
		}
	}
	return nil
}

// saveCaches moves the caches out of the app: they do not belong in a slug.
func (b *work) saveCaches(layer libcnb.Layer) error {
	for _, dir := range assetCaches {
		kept, source := filepath.Join(layer.Path, url.PathEscape(dir)), b.Path(dir)
		if !tree.IsDir(source) {
			continue
		}
		if err := errors.Join(os.RemoveAll(kept), tree.Move(source, kept)); err != nil {
			return err
		}
		b.removeEmpty(filepath.Dir(source))
	}
	return tree.Prune(layer.Path, maxAssets, maxAssets, nil)
}
