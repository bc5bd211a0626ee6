package ruby

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// backtrace matches lines of a Ruby backtrace and of rake's trace, which say nothing to the app's
// owner.
var backtrace = lazyregexp.New(
	`^\s*(?:from )?(?:/\S+|\S+\.rb|<internal:\S+):\d+:in |^\*\* (?:Invoke|Execute) |^Tasks: TOP`)

// traced reports lines of rake's trace.
func traced(line string) bool { return strings.HasPrefix(line, "** ") }

// installPatterns are the known failures of an install, the particular before the general
// (languages.md 2.8).
func (b *work) installPatterns() []diagnosis.Pattern {
	return slices.Concat(b.lockPatterns(), b.compilePatterns(), b.sourcePatterns(), diagnosis.Common("ruby"))
}

// taskPatterns are the known failures of the app's own tasks. Common ones are not among them: an
// app that is refused a connection has not lost the network.
func (b *work) taskPatterns() []diagnosis.Pattern {
	return b.assetPatterns()
}

// lockPatterns are the failures of a lock file that does not fit the Gemfile, Ruby or the machine.
func (b *work) lockPatterns() []diagnosis.Pattern {
	gemfile, lock := b.app.Gemfile, b.app.Lockfile
	return []diagnosis.Pattern{
		{
			ID:    "ruby/gemfile-invalid",
			Match: regexp.MustCompile(`(?s)There was an error (?:parsing|while trying to load) .([^\x60'\n]+).: ([^\n]*?)(?: Bundler cannot continue\.)?\n(?:.*?from \S+:(\d+)\n)?`),
			Make: func(m []string) *diagnosis.Diagnosis {
				d := &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("%s can't be read: %s.", m[1],
						strings.TrimSuffix(m[2],
							".")), Place: m[1], Hints: []string{"run `bundle check` and repair what it says"},
				}
				if m[3] != "" {
					d.Place += ":" + m[3]
				}
				return d
			},
		},
		{
			ID:    "ruby/lockfile-invalid",
			Match: regexp.MustCompile(`Your lockfile is unreadable`),
			Make: func([]string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("Bundler can't read %s.", lock), Place: lock,
					Hints: []string{fmt.Sprintf(
						"run `git checkout` for the last good %s, then `bundle lock`, and commit it", lock)},
				}
			},
		},
		{
			ID:    "ruby/ruby-version-mismatch",
			Match: regexp.MustCompile(`Your Ruby version is (\S+), but your Gemfile specified ([^\n]+)`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("This build uses Ruby %s, and %s asks for %s.", m[1], gemfile,
						strings.TrimSpace(m[2])), Place: gemfile,
					Hints: []string{fmt.Sprintf("run `bundle update --ruby` with the Ruby you want and commit %s",
						lock), "or unset SLUGC_RUBY_VERSION, if it names another"},
				}
			},
		},
		{
			ID:    "ruby/lockfile-out-of-sync",
			Match: regexp.MustCompile(`(?s)(?:You are trying to install in deployment mode after changing|in (?:frozen|deployment) mode|frozen is set|lockfile can't be updated)(.*)`),
			Make: func(m []string) *diagnosis.Diagnosis {
				d := &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("%s does not match %s.", lock, gemfile),
					Place:   lock,
					Hints:   []string{fmt.Sprintf("run `bundle install` and commit %s", lock)},
				}
				for _, list := range changes.FindAllStringSubmatch(m[1], -1) {
					d.Hints = append(d.Hints,
						fmt.Sprintf("%s the Gemfile: %s", strings.ToLower(list[1]),
							strings.Join(bullets(list[2]), ", ")))
				}
				return d
			},
		},
		{
			ID: "ruby/lock-platform-missing",
			Match: regexp.MustCompile(
				`Your bundle only supports platforms \[([^\]]*)\] but your local platform\s+is (\S+?)\.`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("%s was made for %s, and the app is built for %s.", lock,
						strings.ReplaceAll(m[1], `"`, ""), m[2]), Place: lock,
					Hints: []string{fmt.Sprintf("run `bundle lock --add-platform %s` and commit %s", m[2], lock)},
				}
			},
		},
	}
}

var (
	changes = lazyregexp.New(`You have (added to|deleted from|changed in) the Gemfile:\n((?:\* [^\n]*\n?)+)`)
	bullet  = lazyregexp.New(`(?m)^\* ([^\n]*)$`)
)

func bullets(list string) (items []string) {
	for _, m := range bullet.FindAllStringSubmatch(list, -1) {
		items = append(items, strings.TrimSpace(m[1]))
	}
	return items
}

// compilePatterns are the failures of compiling gems.
func (b *work) compilePatterns() []diagnosis.Pattern {
	gemfile, lock := b.app.Gemfile, b.app.Lockfile
	return []diagnosis.Pattern{
		{
			ID:    "ruby/sqlite3-unsupported",
			Match: regexp.MustCompile(`An error occurred while installing sqlite3 \(([^)]*)\)`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: "The gem sqlite3 can't be compiled here, and its database would be lost whenever the app restarts.", Place: gemfile,
					Hints: []string{"move sqlite3 to the groups development and test of the Gemfile and use a database server, such as PostgreSQL with the gem pg, in production"},
				}
			},
		},
		{
			ID:    "ruby/extension-failed",
			Match: regexp.MustCompile(`(?s)Gem::Ext::BuildError: ERROR: Failed to build gem native extension\.(.*)An error occurred while installing (\S+) \(([^)]*)\), and Bundler\s+cannot continue`),
			Make: func(m []string) *diagnosis.Diagnosis {
				d := &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("The native extension of %s %s does not compile.", m[2], m[3]),
					Place:   lock,
				}
				if found := missingThing.FindStringSubmatch(m[1]); found != nil {
					d.Hints = append(d.Hints, "it said: "+strings.TrimSpace(found[0]))
				}
				d.Hints = append(d.Hints,
					fmt.Sprintf("install on the build machine the library and headers that %s needs, or take a version with a precompiled gem for this platform",
						m[2]))
				return d
			},
		},
	}
}

// sourcePatterns are the failures of fetching gems.
func (b *work) sourcePatterns() []diagnosis.Pattern {
	gemfile, lock := b.app.Gemfile, b.app.Lockfile
	return []diagnosis.Pattern{
		{
			ID:    "ruby/source-forbidden",
			Match: regexp.MustCompile(`(?:Authentication is required for|Bad username or password for|Access token could not be authenticated for|HTTP Basic: Access denied\.?)\s*(https?://\S+?)?\.?\s`),
			Make: func(m []string) *diagnosis.Diagnosis {
				host := "the gem source"
				name := "BUNDLE_GEMS__EXAMPLE__COM"
				if found := hostOf.FindStringSubmatch(m[1]); found != nil {
					host, name = found[1], "BUNDLE_"+hostKey(found[1])
				}
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("%s wants credentials, and the build has none that it accepts.",
						host), Place: gemfile,
					Hints: []string{fmt.Sprintf("set %s=user:password in the build's configuration", name)},
				}
			},
		},
		{
			ID:    "ruby/git-ref-missing",
			Match: regexp.MustCompile(`Revision (\S+) does not exist in the repository\s+(\S+?)\.\s`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("The repository %s has no revision %s any more.", m[2], m[1]), Place: lock,
					Hints: []string{fmt.Sprintf("run `bundle update` for the gem of that repository and commit %s",
						lock)},
				}
			},
		},
		{
			ID:    "ruby/git-unreachable",
			Match: regexp.MustCompile("Git error: command `git ([^`]*)`[^\n]*"),
			Make: func(m []string) *diagnosis.Diagnosis {
				d := &diagnosis.Diagnosis{
					Summary: "A gem's git repository can't be fetched.",
					Place:   gemfile,
					Hints:   []string{"check its address, and give a private one credentials: `BUNDLE_GITHUB__COM=user:token` in the build's configuration"},
				}
				if url := gitURL.FindString(m[1]); url != "" {
					d.Summary = fmt.Sprintf("The git repository %s can't be fetched.", url)
				}
				return d
			},
		},
		{
			ID:    "ruby/path-missing",
			Match: regexp.MustCompile("The path `([^`]*)` does not exist"),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("%s has a gem at %s, which is not in the app.", gemfile,
						strings.TrimPrefix(m[1], b.dir+"/")), Place: gemfile,
					Hints: []string{"commit that directory, or list it in no .gitignore and .slugignore"},
				}
			},
		},
		{
			ID:    "ruby/gem-missing",
			Match: regexp.MustCompile(`Could not find (?:gem ')?([^\s']+)[^\n]*? in (?:any of the sources|rubygems repository|the gems available|cached gems|locally installed gems)[^\n]*|Your bundle is locked to ([^\s(]+) \(\S+\) from [^\n]* can no longer be found`),
			Make: func(m []string) *diagnosis.Diagnosis {
				d := &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("The gem %s is in none of the sources.", m[1]+m[2]),
					Place:   lock,
					Hints: []string{fmt.Sprintf(
						"check that this version was not withdrawn; run `bundle update` for the gem and commit %s",
						lock)},
				}
				if b.app.VendorCache {
					d.Summary = fmt.Sprintf("The gem %s is neither in vendor/cache nor in any other source that can be reached.",
						m[1]+m[2])
					d.Hints = []string{"run `bundle cache --all-platforms` and commit vendor/cache"}
				}
				return d
			},
		},
		{
			ID:    "ruby/source-unreachable",
			Match: regexp.MustCompile(`(?:Could not reach host (\S+?)\.|Could not fetch specs from (\S+)|Network error while fetching (\S+))`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("The gem source %s can't be reached.",
						strings.TrimSuffix(m[1]+m[2]+m[3], "/")), Transient: true,
					Hints: []string{"try again; if it persists, check SLUGC_GEM_MIRROR and the proxy settings, or vendor the gems with `bundle cache`"},
				}
			},
		},
	}
}

var (
	missingThing = lazyregexp.New(`(?m)^.*(?:fatal error: \S+: No such file or directory|is missing\.|not found\.?|can't find|Cannot find|cannot find|need to install).*$`)
	hostOf       = lazyregexp.New(`^https?://(?:[^@/]*@)?([^:/]+)`)
	gitURL       = lazyregexp.New(`(?:https?|git|ssh)://[^\s'"]+`)
)

// assetPatterns are the failures of rake assets:precompile.
func (b *work) assetPatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{
		{
			ID:    "ruby/sprockets-file-not-found",
			Match: regexp.MustCompile(`Sprockets::FileNotFound: ([^\n]*)`),
			Make: func(m []string) *diagnosis.Diagnosis {
				d := &diagnosis.Diagnosis{
					Summary: "Sprockets does not find an asset: " + strings.TrimSuffix(strings.TrimSpace(m[1]),
						".") + ".",
					Hints: []string{"commit the file, or correct the name that asks for it"},
				}
				if version, _ := b.app.Lock.Gem("sprockets"); strings.HasPrefix(version, "4.0.0.beta") {
					d.Hints = []string{fmt.Sprintf("sprockets %s is a pre-release with this fault: run `bundle update sprockets` and commit %s",
						version, b.app.Lockfile)}
				}
				return d
			},
		},
		{
			ID:    "ruby/database-during-assets",
			Match: regexp.MustCompile(`[^\n]*(?:PG::ConnectionBad|Mysql2::Error|ActiveRecord::(?:ConnectionNotEstablished|NoDatabaseError|DatabaseConnectionError)|org\.postgresql\.util|127\.0\.0\.1)[^\n]*`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Summary: "The app asks for its database while its assets are compiled, and there is none at build.",
					Hints: []string{"keep initializers and classes from querying the database when they are loaded",
						"or set DATABASE_URL in the build's configuration", "it said: " + strings.TrimSpace(m[0])},
				}
			},
		},
	}
}
