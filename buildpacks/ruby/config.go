package ruby

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"slugc/detect/gemlock"
	"slugc/detect/lazyregexp"
)

// harmless matches the settings of a committed .bundle/config that the build uses: where gems come
// from, how they are compiled, where vendor/cache is. The others (path, without, frozen …) would
// change how the build works.
var harmless = lazyregexp.New(`^BUNDLE_(?:MIRROR__.*|BUILD__.*|CACHE_PATH|CACHE_ALL|CACHE_ALL_PLATFORMS|` +
	`FORCE_RUBY_PLATFORM|SPECIFIC_PLATFORM|TIMEOUT|RETRY|REDIRECT|SSL_VERIFY_MODE)$`)

// bundlerConfig writes the configuration that replaces the app's .bundle/config. It makes the
// machine's gem source, $SLUGC_GEM_MIRROR, the mirror of every source of the lock file, except
// those for which the app's owner has configured credentials or a mirror.
func (b *work) bundlerConfig() error {
	config, err := b.committedConfig()
	if err != nil {
		return err
	}
	for name := range config {
		if _, set := b.env.user[name]; set {
			delete(config, name) // Bundler would prefer the file to the environment
		}
	}
	b.launchConfig = map[string]string{}
	for name, value := range config {
		if !credential(name) && !strings.HasPrefix(name, "BUNDLE_MIRROR__") {
			b.launchConfig[name] = value
		}
	}
	for name, value := range b.mirrors(config) {
		config[name] = value
	}
	dir := filepath.Join(b.temp, "bundle")
	if err := writeConfig(dir, config); err != nil {
		return err
	}
	b.env.force("BUNDLE_APP_CONFIG", dir)
	b.env.force("BUNDLE_USER_HOME", filepath.Join(b.temp, "bundle-home"))
	b.env.force("BUNDLE_GEMFILE", b.Path(b.app.Gemfile))
	return nil
}

// committedConfig reads the app's .bundle/config and returns the settings that the build uses.
func (b *work) committedConfig() (map[string]string, error) {
	kept := map[string]string{}
	if !b.app.BundleConfig {
		return kept, nil
	}
	text, err := readIn(b.Dir, ".bundle/config")
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", ".bundle/config", err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		b.Log.Warn(".bundle/config is committed and can't be parsed; it is ignored.")
		return kept, nil
	}
	var ignored []string
	for name, value := range all {
		switch value.(type) {
		case string, int, bool, float64:
			if harmless.MatchString(name) || credential(name) {
				kept[name] = fmt.Sprint(value)
				continue
			}
		}
		ignored = append(ignored, name)
	}
	for name, value := range kept {
		b.Log.Hide(secretsIn(name, value)...)
	}
	slices.Sort(ignored)
	line := ".bundle/config is committed"
	if len(ignored) > 0 {
		line += "; the build ignores its " + strings.Join(ignored, ", ")
	}
	b.Log.Warn("%s. Remove it with `git rm --cached .bundle/config`, and use the build's configuration.", line)
	return kept, nil
}

// mirrors returns the settings that make the machine's gem source the mirror of others.
func (b *work) mirrors(config map[string]string) map[string]string {
	if b.env.mirror == "" {
		return nil
	}
	set := func(name string) bool {
		_, inUser := b.env.user[name]
		_, inConfig := config[name]
		return inUser || inConfig
	}
	if set("BUNDLE_MIRROR__ALL") {
		return nil
	}
	found, own := map[string]string{}, false
	for _, remote := range remotes(b.app.Lock) {
		u, err := url.Parse(remote)
		if err != nil {
			continue
		}
		name := "BUNDLE_MIRROR__" + hostKey(strings.TrimSuffix(remote, "/")+"/")
		if u.User != nil || set("BUNDLE_"+hostKey(u.Hostname())) || set(name) || set(strings.TrimSuffix(name, "/")) {
			own = true
			continue
		}
		found[name] = b.env.mirror
	}
	if !own {
		return map[string]string{"BUNDLE_MIRROR__ALL": b.env.mirror}
	}
	return found
}

// remotes returns the gem sources of a lock file.
func remotes(lock *gemlock.Lock) (list []string) {
	for _, source := range lock.Sources {
		if source.Kind == "GEM" {
			list = append(list, source.Remotes...)
		}
	}
	return list
}

// writeConfig writes a Bundler configuration directory.
func writeConfig(dir string, config map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing Bundler's configuration: %w", err)
	}
	text := []byte("---\n")
	if len(config) > 0 {
		var err error
		if text, err = yaml.Marshal(config); err != nil {
			return fmt.Errorf("writing Bundler's configuration: %w", err)
		}
		text = append([]byte("---\n"), text...)
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), text, 0o600); err != nil {
		return fmt.Errorf("writing Bundler's configuration: %w", err)
	}
	return nil
}
