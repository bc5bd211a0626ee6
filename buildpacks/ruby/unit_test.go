package ruby

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/language"
	"slugc/buildpacks/ruby/rubytest"
	"slugc/cache/testkit"
	"slugc/detect"
	"slugc/detect/gemlock"
)

// lockWith returns a lock file of gems, such as "puma 5.6.5", from these sources.
func lockWith(remotes []string, gems ...string) *gemlock.Lock {
	source := gemlock.Source{Kind: "GEM", Remotes: remotes}
	for _, gem := range gems {
		name, version, _ := strings.Cut(gem, " ")
		source.Specs = append(source.Specs, gemlock.Spec{Name: name, Version: version})
	}
	return &gemlock.Lock{Sources: []gemlock.Source{source}}
}

// workIn returns a build of an app with these files and locked gems, which are installed, with a program of
// their name. One that starts with "-" is locked only.
func workIn(t *testing.T, files map[string]string, gems ...string) *work {
	t.Helper()
	dir := testkit.Tree(t, t.TempDir(), files)
	b := &work{
		Build: &language.Build{
			Dir: dir, Root: dir, Log: &command.Log{Out: io.Discard}, Result: libcnb.NewBuildResult(),
		},
		temp: t.TempDir(),
		env:  newEnvironment(nil, nil, ""),
	}
	b.app = &detect.RubyApp{
		Kind:     "plain",
		Gemfile:  "Gemfile",
		Lockfile: "Gemfile.lock",
		Engine:   "ruby",
		Lock:     lockWith(nil, strings.Split(strings.ReplaceAll(strings.Join(gems, ","), "-", ""), ",")...),
	}
	b.bundle, b.ruby.Version = t.TempDir(), "3.1.2"
	for _, gem := range gems {
		name, version, _ := strings.Cut(gem, " ")
		if strings.HasPrefix(gem, "-") {
			continue
		}
		testkit.Write(t, filepath.Join(b.gemHome(), "specifications", name+"-"+version+".gemspec"), "")
		testkit.Write(t, filepath.Join(b.gemHome(), "bin", name), "")
		if name == "rack" && !atLeast(version, 3) {
			testkit.Write(t, filepath.Join(b.gemHome(), "bin", "rackup"), "")
		}
	}
	b.app.ConfigRu = testkit.Exists(dir, "config.ru")
	b.app.PumaConfig = testkit.Exists(dir, "config/puma.rb")
	b.app.BinRails = testkit.Exists(dir, "bin/rails")
	if version, ok := b.app.Lock.Gem("railties"); ok {
		b.app.Kind, b.app.RailsVersion = "rails", version
	}
	return b
}

func TestWeb(t *testing.T) {
	ru := map[string]string{"config.ru": "run 1"}
	rails := map[string]string{"config.ru": "run 1", "bin/rails": ""}
	for _, test := range []struct {
		name  string
		files map[string]string
		gems  []string
		want  string
	}{
		{"Puma", ru, []string{"rack 3.1.0", "puma 6.4.0"}, "bundle exec puma -b tcp://0.0.0.0:${PORT:-5000}"},
		{"Puma with a port",
			map[string]string{"config.ru": "", "config/puma.rb": "threads 1, 5\nport ENV.fetch('PORT')\n"},
			[]string{"puma 6.4.0"}, "bundle exec puma -C config/puma.rb"},
		{"Puma with none", map[string]string{"config.ru": "", "config/puma.rb": "# port 1\nthreads 1\n"},
			[]string{"puma 6.4.0"}, "bundle exec puma -C config/puma.rb -b tcp://0.0.0.0:${PORT:-5000}"},
		{"Puma serves nothing", nil, []string{"puma 6.4.0"}, ""},
		{"Rails and Puma", rails, []string{"railties 8.0.1", "puma 6.4.0"},
			"bundle exec puma -b tcp://0.0.0.0:${PORT:-5000}"},
		{"Rails", rails, []string{"railties 8.0.1", "webrick 1.8"},
			"bin/rails server -b 0.0.0.0 -p ${PORT:-5000} -e $RAILS_ENV"},
		{"Rails without a server", rails, []string{"railties 8.0.1", "-puma 6.4.0"}, ""},
		{"Rails without bin", nil, []string{"railties 3.2.0", "webrick 1.8"},
			"bundle exec rails server -b 0.0.0.0 -p ${PORT:-5000} -e $RAILS_ENV"},
		{"thin", ru, []string{"rack 2.2.0", "thin 1.8.0"},
			"bundle exec thin start -R config.ru -e $RACK_ENV -p ${PORT:-5000}"},
		{"unicorn", map[string]string{"config.ru": "", "config/unicorn.rb": ""},
			[]string{"rack 2.2.0", "unicorn 6.1.0"},
			"bundle exec unicorn -p ${PORT:-5000} -c config/unicorn.rb"},
		{"falcon", ru, []string{"rack 3.1.0", "falcon 0.47.0"},
			"bundle exec falcon serve -b http://0.0.0.0:${PORT:-5000}"},
		{"passenger", ru, []string{"passenger 6.0.0"}, "bundle exec passenger start -p ${PORT:-5000} -e $RACK_ENV"},
		{"Puma of another group", ru, []string{"rack 2.2.0", "-puma 6.4.0"}, ""},
		{"Rack 2 without a server", ru, []string{"rack 2.2.0"}, ""},
		{"rackup of Rack 2", ru, []string{"rack 2.2.0", "webrick 1.8"},
			"bundle exec rackup config.ru -o 0.0.0.0 -p ${PORT:-5000}"},
		{"rackup", ru, []string{"rack 3.1.0", "rackup 2.1.0", "webrick 1.8"},
			"bundle exec rackup config.ru -o 0.0.0.0 -p ${PORT:-5000}"},
		{"Rack 3 alone", ru, []string{"rack 3.1.0"}, ""},
		{"plain", nil, []string{"rake 13.0.6"}, ""},
	} {
		if got := workIn(t, test.files, test.gems...).web(); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestWorker(t *testing.T) {
	for gem, want := range map[string]string{
		"sidekiq":     "bundle exec sidekiq",
		"good_job":    "bundle exec good_job start",
		"delayed_job": "bundle exec rake jobs:work",
		"resque":      "QUEUE=${QUEUE:-*} bundle exec rake resque:work",
		"solid_queue": "bin/jobs",
		"rack":        "",
	} {
		if got := workIn(t, map[string]string{"bin/jobs": ""}, gem+" 1.0").worker(); got != want {
			t.Errorf("%s: %q, want %q", gem, got, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	e := newEnvironment(
		[]string{"PATH=/bin", "CNB_LAYERS_DIR=/layers", "GEM_HOME=/x", "RUBYOPT=-w", "npm_config_registry=r",
			MirrorEnv + "=http://reader:mirrorword@mirror/", "GIT_DIR=/g"},
		map[string]string{
			"PATH":                      "/evil",
			"BUNDLE_PATH":               "x",
			"BUNDLE_APP_CONFIG":         "y",
			"BUNDLE_BUILD__PG":          "--with",
			"BUNDLE_GEMS__EXAMPLE__COM": "user:pa55word",
			"STRIPE_TOKEN":              "topsecret",
			"FOR_GEMFILE":               "1",
			"RAILS_MASTER_KEY":          "mastermaster",
			"LD_PRELOAD":                "evil.so",
			"SHORT_TOKEN":               "abc",
		},
		`gem "x" if ENV["FOR_GEMFILE"]`,
	)
	e.force("BUNDLE_DEPLOYMENT", "true")
	e.fallback("RACK_ENV", "production")
	install := []string{"BUNDLE_BUILD__PG=--with", "BUNDLE_DEPLOYMENT=true",
		"BUNDLE_GEMS__EXAMPLE__COM=user:pa55word", "FOR_GEMFILE=1", "PATH=/bin", "RACK_ENV=production",
		"npm_config_registry=r"}
	if diff := cmp.Diff(install, e.list(false)); diff != "" {
		t.Errorf("for an install (-want +got):\n%s", diff)
	}
	all := append([]string{"RAILS_MASTER_KEY=mastermaster", "SHORT_TOKEN=abc", "STRIPE_TOKEN=topsecret"}, install...)
	slices.Sort(all)
	if diff := cmp.Diff(all, e.list(true)); diff != "" {
		t.Errorf("for tasks (-want +got):\n%s", diff)
	}
	if e.mirror != "http://reader:mirrorword@mirror/" ||
		!slices.Equal(slices.Sorted(slices.Values(e.secrets)),
			[]string{"mastermaster", "mirrorword", "pa55word", "topsecret", "user:pa55word"}) {
		t.Errorf("mirror %q, secrets %q", e.mirror, e.secrets)
	}
}

func TestMirrors(t *testing.T) {
	const public, private = "https://gems.example.com/", "https://gems.contrib-sys.com/"
	for _, test := range []struct {
		name    string
		remotes []string
		user    map[string]string
		config  map[string]string
		want    map[string]string
	}{
		{"one", []string{public}, nil, nil, map[string]string{"BUNDLE_MIRROR__ALL": "m"}},
		{"none", nil, nil, nil, map[string]string{"BUNDLE_MIRROR__ALL": "m"}},
		{"private by configuration", []string{public, private},
			map[string]string{"BUNDLE_GEMS__CONTRIB___SYS__COM": "u:p"}, nil,
			map[string]string{"BUNDLE_MIRROR__HTTPS://GEMS__EXAMPLE__COM/": "m"}},
		{"private by .bundle/config", []string{public, private}, nil,
			map[string]string{"BUNDLE_GEMS__CONTRIB___SYS__COM": "u:p"},
			map[string]string{"BUNDLE_MIRROR__HTTPS://GEMS__EXAMPLE__COM/": "m"}},
		{"private by address", []string{public, "https://u:p@gems.contrib-sys.com/"}, nil, nil,
			map[string]string{"BUNDLE_MIRROR__HTTPS://GEMS__EXAMPLE__COM/": "m"}},
		{"a mirror of its own", []string{public},
			map[string]string{"BUNDLE_MIRROR__HTTPS://GEMS__EXAMPLE__COM/": "own"}, nil, map[string]string{}},
		{"a mirror of all", []string{public}, map[string]string{"BUNDLE_MIRROR__ALL": "own"}, nil, nil},
	} {
		b := workIn(t, nil)
		b.app.Lock = lockWith(test.remotes)
		b.env = newEnvironment([]string{MirrorEnv + "=m"}, test.user, "")
		if diff := cmp.Diff(test.want, b.mirrors(test.config)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestCommittedConfig(t *testing.T) {
	b := workIn(t, map[string]string{".bundle/config": `---
BUNDLE_PATH: x
BUNDLE_TIMEOUT: 30
BUNDLE_BUILD__PG: "--with-pg"
BUNDLE_MIRROR__ALL: http://m
BUNDLE_GEMS__EXAMPLE__COM: user:pa55word
BUNDLE_JOBS: [1]
`})
	b.app.BundleConfig = true
	b.env = newEnvironment(nil, map[string]string{"BUNDLE_BUILD__PG": "--mine"}, "")
	if err := b.bundlerConfig(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"BUNDLE_TIMEOUT": "30"}, b.launchConfig); diff != "" {
		t.Errorf("carried to the launch (-want +got):\n%s", diff)
	}
	const want = "---\nBUNDLE_GEMS__EXAMPLE__COM: user:pa55word\nBUNDLE_MIRROR__ALL: http://m\nBUNDLE_TIMEOUT: \"30\"\n"
	if text := testkit.Read(t, filepath.Join(b.env.vars["BUNDLE_APP_CONFIG"], "config")); text != want {
		t.Errorf("%q, want %q", text, want)
	}
	if !slices.Contains(b.Log.Secrets, "pa55word") {
		t.Error("the password of .bundle/config may be printed")
	}
}

func TestUncacheable(t *testing.T) {
	for _, test := range []struct {
		gemfile, gemspec, want string
	}{
		{"gem \"rack\"\n# File.read\n", "", ""},
		{"eval_gemfile \"x\"\n", "", "Gemfile calls eval_gemfile"},
		{"ruby File.read(\".ruby-version\")\n", "", "Gemfile calls File"},
		{"gemspec\n", "s.extensions = [\"ext/x/extconf.rb\"]",
			"x.gemspec has an extension, which is compiled in place"},
		{"gemspec\n", "s.files = []", ""},
	} {
		b := workIn(t, map[string]string{"x.gemspec": test.gemspec})
		b.gemfile, b.app.Manifests = test.gemfile, []string{"Gemfile", "x.gemspec"}
		if got := b.uncacheable(); got != test.want {
			t.Errorf("%q: %q, want %q", test.gemfile, got, test.want)
		}
	}
}

func TestScrub(t *testing.T) {
	kept := []string{"gems/puma-1/ext/puma/puma.so", "gems/puma-1/lib/Makefile", "gems/puma-1/ext/puma/puma.c",
		"extensions/x/3.1.0/puma-1/gem.build_complete", "bundler/gems/x-1/lib/x.rb"}
	gone := []string{"gems/puma-1/ext/puma/Makefile", "gems/puma-1/ext/puma/puma.o",
		"gems/puma-1/ext/puma/.sitearchdir.time", "extensions/x/3.1.0/puma-1/mkmf.log",
		"extensions/x/3.1.0/puma-1/gem_make.out", "bundler/gems/x-1/.git/config"}
	files := map[string]string{}
	for _, name := range append(slices.Clone(kept), gone...) {
		files[name] = "x"
	}
	b := workIn(t, files)
	if err := os.Mkdir(b.Path("doc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := scrubGems(b.Dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range kept {
		if !testkit.Exists(b.Path(name)) {
			t.Errorf("%s is removed", name)
		}
	}
	for _, name := range append(gone, "doc", "bundler/gems/x-1/.git") {
		if testkit.Exists(b.Path(name)) {
			t.Errorf("%s is kept", name)
		}
	}
}

func TestAtLeast(t *testing.T) {
	for _, test := range []struct {
		version string
		wanted  []int
		want    bool
	}{{"7.1.0", []int{7, 1},
		true}, {"7.0.8", []int{7, 1},
		false}, {"8", []int{7, 1},
		true}, {"7", []int{7, 1},
		false}, {"", []int{0}, false}, {"7.0.3", []int{7, 0, 3}, true}, {"7.1.0.rc1", []int{7, 1}, true}} {
		if got := atLeast(test.version, test.wanted...); got != test.want {
			t.Errorf("%s is at least %v: %v", test.version, test.wanted, got)
		}
	}
}

func TestChanged(t *testing.T) {
	parts := []part{{"Ruby", "3.1.7", true}, {"Gemfile.lock", "a", false}}
	before := digests(parts)
	if names, full := changed(parts, before); len(names) > 0 || full {
		t.Errorf("nothing: %v %v", names, full)
	}
	if names, full := changed([]part{parts[0], {"Gemfile.lock", "b", false}}, before); !slices.Equal(names,
		[]string{"Gemfile.lock"}) ||
		full {
		t.Errorf("the lock file: %v %v", names, full)
	}
	if names, full := changed([]part{{"Ruby", "3.1.2", true}}, before); !slices.Equal(names,
		[]string{"Gemfile.lock", "Ruby"}) ||
		!full {
		t.Errorf("Ruby: %v %v", names, full)
	}
	if names, full := changed(parts, nil); len(names) != 2 || !full {
		t.Errorf("nothing known: %v %v", names, full)
	}
}

// TestUnfinishedDownload holds that a gem that was cut short while it was fetched is fetched again.
func TestUnfinishedDownload(t *testing.T) {
	t.Parallel()
	rack := rubytest.Serve(t).Gem(t, "rack-2")
	whole, file := testkit.Read(t, rack), filepath.Join(t.TempDir(), "rack.gem")
	for _, text := range []string{"", whole[:len(whole)/2], whole[:len(whole)-2000], whole} {
		testkit.Write(t, file, text)
		if got := wholeGem(file); got != (text == whole) {
			t.Errorf("a gem of %d bytes of %d is whole: %t", len(text), len(whole), got)
		}
	}
}
