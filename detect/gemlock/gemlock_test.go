package gemlock_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/detect/gemlock"
)

const whole = `GIT
  remote: https://github.com/example/tool.git
  revision: 0123456789abcdef0123456789abcdef01234567
  branch: main
  submodules: true
  specs:
    tool (0.3.0)
      rack (>= 2, < 4)

PATH
  remote: engines/shop
  specs:
    shop (0.1.0)

GEM
  remote: https://rubygems.org/
  remote: https://gems.example.com/
  specs:
    nokogiri (1.18.9-x86_64-linux-gnu)
      racc (~> 1.4)
    nokogiri (1.18.9)
    racc (1.8.1)
    rack (3.1.0.rc1)

PLATFORMS
  ruby
  x86_64-linux

DEPENDENCIES
  nokogiri
  rack (~> 3.1, >= 3.1.0.a)
  shop!
  tool (= 0.3.0)!

CHECKSUMS
  nokogiri (1.18.9) sha256=00ff
  nokogiri (1.18.9-x86_64-linux-gnu) sha256=11,sha512=22
  shop (0.1.0)

RUBY VERSION
   ruby 3.3.9p170

FUTURE SECTION
  anything (goes here

BUNDLED WITH
   2.5.23
`

var wholeLock = &gemlock.Lock{
	Sources: []gemlock.Source{
		{
			Kind: "GIT", Remotes: []string{"https://github.com/example/tool.git"},
			Options: map[string]string{
				"revision":   "0123456789abcdef0123456789abcdef01234567",
				"branch":     "main",
				"submodules": "true",
			},
			Specs: []gemlock.Spec{{
				Name: "tool", Version: "0.3.0",
				Dependencies: []gemlock.Dependency{{Name: "rack", Requirement: ">= 2, < 4"}},
			}},
		},
		{Kind: "PATH", Remotes: []string{"engines/shop"}, Specs: []gemlock.Spec{{Name: "shop", Version: "0.1.0"}}},
		{
			Kind: "GEM", Remotes: []string{"https://rubygems.org/", "https://gems.example.com/"},
			Specs: []gemlock.Spec{
				{
					Name: "nokogiri", Version: "1.18.9", Platform: "x86_64-linux-gnu",
					Dependencies: []gemlock.Dependency{{Name: "racc", Requirement: "~> 1.4"}},
				},
				{Name: "nokogiri", Version: "1.18.9"},
				{Name: "racc", Version: "1.8.1"},
				{Name: "rack", Version: "3.1.0.rc1"},
			},
		},
	},
	Platforms: []string{"ruby", "x86_64-linux"},
	Dependencies: []gemlock.Dependency{
		{Name: "nokogiri"},
		{Name: "rack", Requirement: "~> 3.1, >= 3.1.0.a"},
		{Name: "shop", Pinned: true},
		{Name: "tool", Requirement: "= 0.3.0", Pinned: true},
	},
	Checksums: []gemlock.Checksum{
		{Spec: gemlock.Spec{Name: "nokogiri", Version: "1.18.9"}, Digests: []string{"sha256=00ff"}},
		{
			Spec:    gemlock.Spec{Name: "nokogiri", Version: "1.18.9", Platform: "x86_64-linux-gnu"},
			Digests: []string{"sha256=11", "sha512=22"},
		},
		{Spec: gemlock.Spec{Name: "shop", Version: "0.1.0"}},
	},
	Ruby:        gemlock.Ruby{Version: "3.3.9"},
	BundledWith: "2.5.23",
}

func TestParse(t *testing.T) {
	for name, text := range map[string]string{
		"as written":               whole,
		"CRLF and byte order mark": "\ufeff" + strings.ReplaceAll(whole, "\n", "\r\n"),
	} {
		got, err := gemlock.Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(wholeLock, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestGem(t *testing.T) {
	if v, ok := wholeLock.Gem("rack"); v != "3.1.0.rc1" || !ok {
		t.Errorf("Gem(rack) = %q, %v", v, ok)
	}
	if v, ok := wholeLock.Gem("rails"); v != "" || ok {
		t.Errorf("Gem(rails) = %q, %v", v, ok)
	}
}

func TestRuby(t *testing.T) {
	for text, want := range map[string]gemlock.Ruby{
		"   ruby 3.3.9p170":                  {Version: "3.3.9"},
		"  ruby 3.3.9":                       {Version: "3.3.9"},
		"   ruby 3.4.0.rc1":                  {Version: "3.4.0.rc1"},
		"   ruby 3.4.0-preview2":             {Version: "3.4.0.preview2"},
		"   ruby 3.5.0dev":                   {Version: "3.5.0.dev"},
		"   ruby 2.7.0p-1":                   {Version: "2.7.0"},
		"   ruby 3.1.4p0 (jruby 9.4.2.0)":    {Version: "3.1.4", Engine: "jruby", EngineVersion: "9.4.2.0"},
		"   ruby 3.3.7 (truffleruby 25.0.0)": {Version: "3.3.7", Engine: "truffleruby", EngineVersion: "25.0.0"},
	} {
		lock, err := gemlock.Parse([]byte("RUBY VERSION\n" + text + "\n"))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if lock.Ruby != want {
			t.Errorf("%q: %+v", text, lock.Ruby)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
	}{
		{"GEM\n<<<<<<< HEAD\n", 2},
		{"GEM\n  remote: x\n  specs:\n    rack\n", 4},
		{"GEM\n  specs:\n      racc (~> 1)\n", 3},
		{"GEM\n  nonsense\n", 2},
		{"\n  stray\n", 2},
		{"gem 'rack'\n", 1},
		{"DEPENDENCIES\n  rack (1\n", 2},
		{"RUBY VERSION\n   ruby three\n", 2},
		{"BUNDLED WITH\n   newest one\n", 2},
		{"CHECKSUMS\n  rack sha256=1\n", 2},
	} {
		_, err := gemlock.Parse([]byte(c.text))
		syntax, ok := errors.AsType[*gemlock.SyntaxError](err)
		if !ok || syntax.Line != c.line || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want an error in line %d", c.text, err, c.line)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("GEM\n  specs:\n    a (1)\n      b (= 1)!\n"))
	f.Add([]byte("CHECKSUMS\n  a (1-) sha256=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		lock, err := gemlock.Parse(b)
		if (lock == nil) != (err != nil) {
			t.Fatalf("lock %v, error %v", lock, err)
		}
		if err != nil {
			return
		}
		for _, source := range lock.Sources {
			for _, spec := range source.Specs {
				if spec.Name == "" || spec.Version == "" {
					t.Fatalf("a gem without name or version: %+v", spec)
				}
				if _, ok := lock.Gem(spec.Name); !ok {
					t.Fatalf("gem %q is not found", spec.Name)
				}
			}
		}
	})
}
