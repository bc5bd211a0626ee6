package ruby

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/cache/testkit"
)

// TestDummyDatabase holds that the stand-in is for a driver that is installed, and that there is none when it is
// not sure which.
func TestDummyDatabase(t *testing.T) {
	t.Parallel()
	const config = "default: &default\n  adapter: postgresql\nproduction:\n  <<: *default\n"
	for gems, want := range map[string]string{
		"pg 1.5.0": "postgres", "-sqlite3 1.7.0,pg 1.5.0": "postgres", "sqlite3 1.7.0": "sqlite3",
		"-sqlite3 1.7.0,trilogy 2.8.0": "trilogy", "-sqlite3 1.7.0,tiny_tds 2.1.0": "", "-pg 1.5.0": "",
		"sqlite3 1.7.0,activerecord_adapter 1.0": "", "pg 1.5.0,mysql2 0.5.0": "", "pg 1.5.0,sqlite3 1.7.0": "postgres",
		"pg 1.5.0,mysql2 0.5.0,config 1": "postgres",
	} {
		files := map[string]string{}
		if strings.Contains(gems, "config") {
			files["config/database.yml"] = config
		}
		got := workIn(t, files, strings.Split(gems, ",")...).dummyDatabase()
		if adapter, _, _ := strings.Cut(got, ":"); adapter != want {
			t.Errorf("%s: %q, want %q", gems, got, want)
		}
	}
}

// TestSecrets holds which secret of the running app the build names.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for files, want := range map[string]string{
		"":                           "Set SECRET_KEY_BASE",
		"config/credentials.yml.enc": "Set RAILS_MASTER_KEY (or SECRET_KEY_BASE)",
		"config/credentials.yml.enc config/master.key":                     "",
		"config/credentials/production.yml.enc config/master.key":          "Set RAILS_MASTER_KEY (or SECRET_KEY_BASE)",
		"config/credentials/production.yml.enc config/credentials.yml.enc": "config/credentials/production.yml.enc is",
		"config/secrets.yml.enc":                                           "Set RAILS_MASTER_KEY in",
		"config/secrets.yml":                                               "",
	} {
		tree := map[string]string{}
		for _, file := range strings.Fields(files) {
			tree[file] = ""
		}
		b := workIn(t, tree, "railties 6.1.7")
		var log bytes.Buffer
		b.Log, b.env.vars["RAILS_ENV"] = &command.Log{Out: &log}, "production"
		b.warnSecrets()
		if got := log.String(); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: it says %q, want %q", files, got, want)
		}
	}
}

// TestRecognisedSecrets holds the diagnoses of tasks that fail for want of a secret, and what is added to others.
func TestRecognisedSecrets(t *testing.T) {
	t.Parallel()
	b := workIn(t, map[string]string{"config/credentials.yml.enc": ""}, "railties 6.1.7")
	b.env.vars["RAILS_ENV"], b.standIn = "production", "sqlite3://x"
	for text, id := range map[string]string{
		"Missing encryption key to decrypt file with. Ask your team":          "ruby/master-key-missing",
		"ActiveSupport::EncryptedFile::MissingKeyError: Missing":              "ruby/master-key-missing",
		"ActiveSupport::MessageEncryptor::InvalidMessage: ActiveSupport":      "ruby/master-key-wrong",
		"ArgumentError: key must be 16 bytes":                                 "ruby/master-key-wrong",
		"ArgumentError: Missing `secret_key_base` for 'production'":           "ruby/secret-key-base-missing",
		"rake aborted!\nLoadError: no such file\n/app/x.rb:12:in 'Foo#bar'\n": "",
	} {
		d := diagnosis.Recognise(b.taskPatterns(), []byte(text))
		if (d == nil) != (id == "") || d != nil && (d.ID != id || len(d.Hints) == 0) {
			t.Errorf("%q is %+v, want %s", text, d, id)
		}
	}
	f := &command.Failure{Tail: []byte("NoMethodError: nil\n/app/x.rb:12:in 'Foo#bar'\n    at f (/app/a.js:1:2)\n")}
	err := b.withStandIns(diagnose("ruby/assets-precompile-failed", f, b.taskPatterns()))
	d, _ := err.(*diagnosis.Diagnosis)
	if d == nil {
		t.Fatalf("got %v", err)
	}
	hints := strings.Join(d.Hints, "\n")
	for _, want := range []string{
		"it said: NoMethodError: nil", "DATABASE_URL was a stand-in", "--env RAILS_MASTER_KEY",
	} {
		if !strings.Contains(hints, want) {
			t.Errorf("the hints lack %q: %s", want, hints)
		}
	}
	if strings.Contains(hints, "x.rb") || strings.Contains(hints, "a.js") {
		t.Errorf("frames of a stack are hints: %s", hints)
	}
}

// TestPlatformOfLibc holds the diagnosis of a Bundler that does not know the platforms of C libraries.
func TestPlatformOfLibc(t *testing.T) {
	t.Parallel()
	b := workIn(t, nil)
	b.bundler, b.lacking = "2.3.7", "Gemfile.lock has BUNDLED WITH 2.6.2"
	text := "Your bundle is locked to fastthing (1.0.0-x86_64-linux-musl) from rubygems repository https://x/ or " +
		"installed locally, but that version can no longer be found in that source."
	f := &command.Failure{Tail: []byte(text)}
	d, _ := b.withLacking(diagnose("ruby/install-failed", f, b.installPatterns())).(*diagnosis.Diagnosis)
	if d == nil || d.ID != "ruby/gem-platform-unknown" || !strings.Contains(d.Summary, "fastthing 1.0.0") ||
		!strings.Contains(strings.Join(d.Hints, "\n"), "BUNDLE_FORCE_RUBY_PLATFORM") ||
		d.Hints[len(d.Hints)-1] != b.lacking {
		t.Errorf("got %+v", d)
	}
	b.bundler = "2.6.2"
	if d := diagnosis.Recognise(b.installPatterns(), []byte(text)); d == nil || d.ID != "ruby/gem-missing" {
		t.Errorf("got %+v", d)
	}
}

// TestRepairScripts holds what scripts of another system become, and that others stay as they are.
func TestRepairScripts(t *testing.T) {
	t.Parallel()
	b := workIn(t, map[string]string{
		"bin/crlf": "#!/usr/bin/env ruby\r\nputs 1\r\n", "bin/exe": "#!/usr/bin/env ruby.exe\nputs 2\r\n",
		"bin/old": "#!/usr/bin/env ruby2.5\n", "bin/home": "#!/home/a/.rbenv/shims/ruby -w\n",
		"bin/good": "#!/usr/bin/env ruby\n",
		"bin/sh":   "#!/bin/sh\n", "bin/data": "x", "script/rails": "#!ruby\r\n",
		"bin/hooks": "#!/usr/bin/env ruby_hooks\n",
	})
	var log bytes.Buffer
	b.Log = &command.Log{Out: &log}
	if err := os.Chmod(b.Path("bin/good"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.repairScripts(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"bin/crlf": "#!/usr/bin/env ruby\nputs 1\n", "bin/exe": "#!/usr/bin/env ruby\nputs 2\r\n",
		"bin/old": "#!/usr/bin/env ruby\n", "bin/home": "#!/usr/bin/env -S ruby -w\n",
		"script/rails": "#!/usr/bin/env ruby\n",
		"bin/hooks":    "#!/usr/bin/env ruby_hooks\n", "bin/sh": "#!/bin/sh\n",
	} {
		info, err := os.Stat(b.Path(name))
		if got := testkit.Read(t, b.Path(name)); got != want || err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s is %q, %v, want %q", name, got, info.Mode(), want)
		}
	}
	if info, err := os.Stat(b.Path("bin/data")); err != nil || info.Mode().Perm() == 0o755 {
		t.Error("a file that is no script became a program")
	}
	if said := log.String(); !strings.Contains(said, "bin/crlf (line ends of Windows, not executable)") ||
		strings.Contains(said, "bin/good") {
		t.Errorf("it says %q", said)
	}
}

// TestPathExecutables holds that executables which a gemspec lists by git become commands, and go again.
func TestPathExecutables(t *testing.T) {
	t.Parallel()
	spec := "Gem::Specification.new do |spec|\n  spec.files = `git ls-files -z`.split(\"\\x0\")\n" +
		"  spec.bindir = \"exe\"\n  spec.executables = spec.files.grep(%r{\\Aexe/}) { |f| File.basename(f) }\nend\n"
	b := workIn(t, map[string]string{
		"engines/billing/billing.gemspec": spec, "engines/billing/exe/billing-run": "", "engines/billing/exe/made": "",
		"engines/plain/plain.gemspec": "spec.executables = [\"x\"]", "engines/plain/exe/x": "",
	})
	b.app.LocalPaths = []string{"engines/billing", "engines/plain"}
	bin := filepath.Join(b.gemHome(), "bin")
	testkit.Write(t, filepath.Join(bin, "made"), "by Bundler")
	testkit.Write(t, filepath.Join(bin, "gone"), stubMark)
	for range 2 {
		if err := b.pathExecutables(); err != nil {
			t.Fatal(err)
		}
	}
	stub := filepath.Join(bin, "billing-run")
	if !strings.Contains(testkit.Read(t, stub), "engines/billing/exe/billing-run") ||
		testkit.Read(t, filepath.Join(bin, "made")) != "by Bundler" {
		t.Errorf("the stub is %s", testkit.Read(t, stub))
	}
	if testkit.Exists(bin, "gone") || testkit.Exists(bin, "x") {
		t.Error("a stub that nobody wants is there")
	}
}

// TestDropBuildOnly holds that directories which another buildpack has made for the build go, and nothing outside.
func TestDropBuildOnly(t *testing.T) {
	t.Parallel()
	b := workIn(t, map[string]string{"node_modules/a": "", "client/node_modules/b": "", "client/c": ""})
	b.Environ = []string{"SLUGC_BUILD_ONLY=node_modules:client/node_modules"}
	if err := b.normalise(); err != nil {
		t.Fatal(err)
	}
	if testkit.Exists(b.Dir, "node_modules") || testkit.Exists(b.Dir, "client/node_modules") ||
		!testkit.Exists(b.Dir, "client/c") {
		t.Error("it does not remove node_modules, or more")
	}
	b.Environ = []string{"SLUGC_BUILD_ONLY=../" + filepath.Base(b.Dir)}
	if b.dropBuildOnly() == nil || !testkit.Exists(b.Dir, "client/c") {
		t.Error("a path that leads out of the app is no error")
	}
}

// TestNormalise holds that two runs of Sprockets and Bootsnap leave the same bytes, and that what the source has
// stays as it is.
func TestNormalise(t *testing.T) {
	t.Parallel()
	var first string
	for i, random := range []string{strings.Repeat("0a", 16), strings.Repeat("9f", 16)} {
		b := workIn(t, map[string]string{"public/own.gz": "\x1f\x8b\x08\x00time", "public/manifest.json": "{}"})
		b.env.vars["RAILS_ENV"] = "production"
		b.before = b.look()
		stamp := time.Unix(int64(1700000000+i*1000), 0)
		var packed bytes.Buffer
		writer := gzip.NewWriter(&packed)
		writer.ModTime = stamp
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		testkit.Tree(t, b.Dir, map[string]string{
			"public/assets/a.css.gz": packed.String(), "tmp/cache/bootsnap/compile-cache-iseq/x": random,
			"tmp/local_secret.txt": random, "log/production.log": random, "tmp/keep": "",
			"public/assets/.sprockets-manifest-" + random + ".json": `{"files":{"a-1.css":{` +
				`"logical_path":"a.css","mtime":"` +
				stamp.Format(
					time.RFC3339,
				) + `","size":3,"digest":"1","integrity":"sha256-+/="}},"assets":{"a.css":"a-1.css"}}`,
		})
		if err := b.normalise(); err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		err := filepath.WalkDir(b.Dir, func(name string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				all.WriteString(strings.TrimPrefix(name, b.Dir) + " " + testkit.Read(t, name) + "\n")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = all.String()
		}
		if all.String() != first || !strings.Contains(first, `"integrity":"sha256-+/="`) ||
			!strings.Contains(first, "\x08\x00time") || strings.Count(first, "\n") != 5 {
			t.Errorf("the app has\n%q\nand\n%q", first, all.String())
		}
	}
}
