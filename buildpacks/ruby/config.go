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

// harmless are the settings of a checked-in .bundle/config that are carried over: where gems come
// from, how they are compiled, where vendor/cache is. What else it says (path, without, frozen …)
// would change what the build is.
var harmless = lazyregexp.New(`^BUNDLE_(?:MIRROR__.*|BUILD__.*|CACHE_PATH|CACHE_ALL|CACHE_ALL_PLATFORMS|FORCE_RUBY_PLATFORM|SPECIFIC_PLATFORM|TIMEOUT|RETRY|REDIRECT|SSL_VERIFY_MODE)$`)

// bundlerConfig writes the configuration that stands in for the app's .bundle/config, and says what
// of that is used. It also names the machine's gem source, $SLUGC_GEM_MIRROR, as the mirror of
// every source of the lock file for which the build's configuration has neither credentials nor a
// mirror: those are the owner's own.
func (b *work) bundlerConfig() error {
	config, err := b.checkedIn()
	if err != nil {
		return err
	}
	for name := range config {
		if _, asked := b.env.user[name]; asked {
			delete(config, name) // Bundler would put the file above the environment
		}
	}
	b.carried = map[string]string{}
	for name, value := range config {
		if !credential(name) && !strings.HasPrefix(name, "BUNDLE_MIRROR__") {
			b.carried[name] = value
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
	b.env.force("BUNDLE_GEMFILE", b.path(b.app.Gemfile))
	return nil
}

// checkedIn reads the app's .bundle/config and returns what is carried over.
func (b *work) checkedIn() (map[string]string, error) {
	kept := map[string]string{}
	if !b.app.BundleConfig {
		return kept, nil
	}
	text, err := readIn(b.dir, ".bundle/config")
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", ".bundle/config", err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		b.say.Warn(".bundle/config is checked in and can't be read; it is not used.")
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
		b.env.conceal(name, value)
	}
	b.say.Secrets = b.env.secrets
	slices.Sort(ignored)
	line := ".bundle/config is checked in"
	if len(ignored) > 0 {
		line += "; it does not decide " + strings.Join(ignored, ", ") + " here"
	}
	b.say.Warn("%s. Remove it with `git rm --cached .bundle/config`, and use the build's configuration.", line)
	return kept, nil
}

// mirrors are the settings that name the machine's gem source.
func (b *work) mirrors(config map[string]string) map[string]string {
	if b.env.mirror == "" {
		return nil
	}
	set := func(name string) bool {
		_, asked := b.env.user[name]
		_, carried := config[name]
		return asked || carried
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

// remotes are the gem sources of a lock file.
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
