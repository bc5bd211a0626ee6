package ruby

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// backtrace matches lines of a Ruby backtrace and of rake's trace, which say nothing to the app's
// owner.
var backtrace = lazyregexp.New(
	`^\s*(?:from )?(?:/\S+|\S+\.(?:rb|rake|erb)|<internal:\S+|\(\S+\)|-e|(?:bin/)?\w+|Rakefile):\d+:in ` +
		"[`'\"]|" +
		`^\*\* (?:Invoke|Execute) |^Tasks: TOP|^\(See full trace|^\s*at (?:.+ \()?\S+:\d+(?::\d+)?\)?$`)

// isTrace reports lines of rake's trace.
func isTrace(line string) bool { return strings.HasPrefix(line, "** ") }

// installPatterns are the known failures of an install, the particular before the general.
func (b *work) installPatterns() []diagnosis.Pattern {
	return slices.Concat(b.lockPatterns(), unreachable, b.damagedPatterns(), diagnosis.Network("ruby"),
		b.compilePatterns(), b.gitPatterns(), b.sourcePatterns(), diagnosis.Common("ruby"))
}

// taskPatterns are the known failures of the app's own tasks. They do not include the common ones:
// an app that is refused a connection has not lost the network.
func (b *work) taskPatterns() []diagnosis.Pattern {
	return append(b.secretPatterns(), b.assetPatterns()...)
}

var gemfileError = lazyregexp.New(`(?s)There was an error (?:parsing|while trying to load) .([^\x60'\n]+).: ` +
	`([^\n]*?)(?: Bundler cannot continue\.)?\n(?:.*?from \S+:(\d+)\n)?`)

var lockOutOfSync = lazyregexp.New(`(?s)(?:You are trying to install in deployment mode after changing|` +
	`in (?:frozen|deployment) mode|frozen is set|lockfile can't be updated)(.*)`)

// lockPatterns are the failures of a lock file that does not fit the Gemfile, Ruby or the machine.
func (b *work) lockPatterns() []diagnosis.Pattern {
	gemfile, lock := b.app.Gemfile, b.app.Lockfile
	return []diagnosis.Pattern{
		{ID: "ruby/gemfile-invalid", Match: gemfileError, Make: gemfileInvalid},
		diagnosis.NewPattern("ruby/lockfile-invalid", `Your lockfile is unreadable`, lock,
			"Bundler can't read "+lock+".",
			"run `git checkout` for the last good "+lock+", then `bundle lock`, and commit it"),
		diagnosis.NewPattern("ruby/ruby-version-mismatch",
			`Your Ruby version is (\S+), but your Gemfile specified ([^\n]+)`, gemfile,
			"This build uses Ruby $1, and "+gemfile+" asks for $2.",
			"run `bundle update --ruby` with the Ruby you want and commit "+lock,
			"or unset SLUGC_RUBY_VERSION, if it names another"),
		{ID: "ruby/lockfile-out-of-sync", Match: lockOutOfSync, Make: b.lockfileOutOfSync},
		{
			ID: "ruby/lock-platform-missing",
			Match: lazyregexp.New(
				`Your bundle only supports platforms \[([^\]]*)\] but your local platform\s+is (\S+?)\.`),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place: lock,
					Summary: fmt.Sprintf("%s was made for %s, and the app is built for %s.", lock,
						strings.ReplaceAll(m[1], `"`, ""), m[2]),
					Hints: []string{fmt.Sprintf("run `bundle lock --add-platform %s` and commit %s", m[2], lock)},
				}
			},
		},
	}
}

// gemfileInvalid reports a Gemfile that Bundler can't evaluate, with its line if Bundler names it.
func gemfileInvalid(m []string) *diagnosis.Diagnosis {
	d := &diagnosis.Diagnosis{
		Place:   m[1],
		Summary: fmt.Sprintf("%s can't be read: %s.", m[1], strings.TrimSuffix(m[2], ".")),
		Hints:   []string{"run `bundle check` and fix what it reports"},
	}
	if m[3] != "" {
		d.Place += ":" + m[3]
	}
	return d
}

var (
	gemfileChanges = lazyregexp.New(`You have (added to|deleted from|changed in) the Gemfile:\n((?:\* [^\n]*\n?)+)`)
	listItem       = lazyregexp.New(`(?m)^\* ([^\n]*)$`)
)

func (b *work) lockfileOutOfSync(m []string) *diagnosis.Diagnosis {
	d := &diagnosis.Diagnosis{
		Place:   b.app.Lockfile,
		Summary: fmt.Sprintf("%s does not match %s.", b.app.Lockfile, b.app.Gemfile),
		Hints:   []string{fmt.Sprintf("run `bundle install` and commit %s", b.app.Lockfile)},
	}
	for _, change := range gemfileChanges.FindAllStringSubmatch(m[1], -1) {
		var gems []string
		for _, item := range listItem.FindAllStringSubmatch(change[2], -1) {
			gems = append(gems, strings.TrimSpace(item[1]))
		}
		d.Hints = append(d.Hints,
			fmt.Sprintf("%s the Gemfile: %s", strings.ToLower(change[1]), strings.Join(gems, ", ")))
	}
	return d
}

var (
	extensionError = lazyregexp.New(`(?s)Gem::Ext::BuildError: ERROR: Failed to build gem native extension\.(.*)` +
		`An error occurred while installing (\S+) \(([^)]*)\), and Bundler\s+cannot continue`)
	missingFile = lazyregexp.New(`(?m)^.*(?:fatal error: \S+: No such file or directory|is missing\.|not found\.?|` +
		`can't find|Cannot find|cannot find|need to install).*$`)
)

// compilePatterns are the failures of compiling gems.
func (b *work) compilePatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{
		diagnosis.NewPattern("ruby/sqlite3-unsupported",
			`An error occurred while installing sqlite3 \(([^)]*)\)`, b.app.Gemfile,
			"The gem sqlite3 can't be compiled here, and its database would be lost whenever the app restarts.",
			"move sqlite3 to the groups development and test of the Gemfile and use a database server, "+
				"such as PostgreSQL with the gem pg, in production"),
		{
			ID: "ruby/extension-failed", Match: extensionError,
			Make: func(m []string) *diagnosis.Diagnosis {
				d := &diagnosis.Diagnosis{
					Place:   b.app.Lockfile,
					Summary: fmt.Sprintf("The native extension of %s %s does not compile.", m[2], m[3]),
				}
				if found := missingFile.FindString(m[1]); found != "" {
					d.Hints = append(d.Hints, "it said: "+strings.TrimSpace(found))
				}
				d.Hints = append(d.Hints, fmt.Sprintf("install on the build machine the library and headers that %s "+
					"needs, or use a version with a precompiled gem for this platform", m[2]))
				return d
			},
		},
	}
}

var gitURL = lazyregexp.New(`(?:https?|git|ssh)://[^\s'"]+`)

// gitPatterns are the failures of gems that come from git repositories and directories.
func (b *work) gitPatterns() []diagnosis.Pattern {
	gemfile, lock := b.app.Gemfile, b.app.Lockfile
	return []diagnosis.Pattern{
		b.forbiddenPattern(),
		diagnosis.NewPattern("ruby/git-ref-missing",
			`Revision (\S+) does not exist in the repository\s+(\S+?)\.\s`, lock,
			"The repository $2 no longer has the revision $1.",
			"run `bundle update` for the gem of that repository and commit "+lock),
		{
			ID: "ruby/git-unreachable", Match: lazyregexp.New("Git error: command `git ([^`]*)`[^\n]*"),
			Make: func(m []string) *diagnosis.Diagnosis {
				d := &diagnosis.Diagnosis{
					Place:   gemfile,
					Summary: "A gem's git repository can't be fetched.",
					Hints: []string{"check its address, and give a private one credentials: " +
						"`BUNDLE_GITHUB__COM=user:token` in the build's configuration"},
				}
				if url := gitURL.FindString(m[1]); url != "" {
					d.Summary = fmt.Sprintf("The git repository %s can't be fetched.", url)
				}
				return d
			},
		},
		{
			ID: "ruby/path-missing", Match: lazyregexp.New("The path `([^`]*)` does not exist"),
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place: gemfile,
					Summary: fmt.Sprintf("%s has a gem at %s, which is not in the app.", gemfile,
						strings.TrimPrefix(strings.TrimPrefix(m[1], b.Dir+"/"), b.Root+"/")),
					Hints: []string{"commit that directory; .gitignore and .slugignore must not list it"},
				}
			},
		},
	}
}

var (
	forbidden = lazyregexp.New(`(?:Authentication is required for|Bad username or password for|` +
		`Access token could not be authenticated for|HTTP Basic: Access denied\.?)\s*(https?://\S+?)?\.?\s`)
	hostOf = lazyregexp.New(`^https?://(?:[^@/]*@)?([^:/]+)`)
)

// forbiddenPattern is a source that rejects the build's credentials. It comes before the patterns
// of git, whose output it may be part of.
func (b *work) forbiddenPattern() diagnosis.Pattern {
	return diagnosis.Pattern{
		ID: "ruby/source-forbidden", Match: forbidden,
		Make: func(m []string) *diagnosis.Diagnosis {
			host, name := "the gem source", "BUNDLE_GEMS__EXAMPLE__COM"
			if found := hostOf.FindStringSubmatch(m[1]); found != nil {
				host, name = found[1], "BUNDLE_"+hostKey(found[1])
			}
			return &diagnosis.Diagnosis{
				Place:   b.app.Gemfile,
				Summary: fmt.Sprintf("%s asks for credentials, and the build has none that it accepts.", host),
				Hints:   []string{fmt.Sprintf("set %s=user:password in the build's configuration", name)},
			}
		},
	}
}

const gemMissing = `Could not find (?:gem ')?([^\s']+)[^\n]*? in (?:any of the sources|rubygems repository|` +
	`the gems available|cached gems|locally installed gems)[^\n]*|` +
	`Your bundle is locked to ([^\s(]+) \(\S+\) from [^\n]* can no longer be found`

// sourcePatterns are the failures of fetching gems from a gem source.
func (b *work) sourcePatterns() []diagnosis.Pattern {
	lock := b.app.Lockfile
	missing := diagnosis.NewPattern("ruby/gem-missing", gemMissing, lock,
		"The gem $1$2 is in none of the sources.",
		"check that this version was not withdrawn; run `bundle update` for the gem and commit "+lock)
	if b.app.VendorCache {
		missing = diagnosis.NewPattern("ruby/gem-missing", gemMissing, lock,
			"The gem $1$2 is neither in vendor/cache nor in any other source that can be reached.",
			"run `bundle cache --all-platforms` and commit vendor/cache")
	}
	return []diagnosis.Pattern{b.libcPattern(), missing}
}

// libcMissing is what a Bundler says that does not tell the platforms of C libraries apart.
var libcMissing = lazyregexp.New(`Your bundle is locked to ([^\s(]+) \((\S+?)-(\w+-linux-(?:gnu|musl)\w*)\)[^\n]*|` +
	`Could not find ([^\s']+?)-(\d\S*?)-(\w+-linux-(?:gnu|musl)\w*) in [^\n]*`)

// libcPattern is a gem that is locked for platforms of C libraries, which the Bundler in use, older than 2.5,
// takes for one.
func (b *work) libcPattern() diagnosis.Pattern {
	lock := b.app.Lockfile
	return diagnosis.Pattern{
		ID:    "ruby/gem-platform-unknown",
		Match: libcMissing,
		Make: func(m []string) *diagnosis.Diagnosis {
			name, version, platform := m[1]+m[4], m[2]+m[5], m[3]+m[6]
			if atLeast(b.bundler, 2, 5, 6) {
				return &diagnosis.Diagnosis{
					ID: "ruby/gem-missing", Place: lock,
					Summary: fmt.Sprintf("The gem %s is in none of the sources for %s.", name, platform),
					Hints: []string{
						"check that this version was not withdrawn; run `bundle update` for the gem and commit " +
							lock,
					},
				}
			}
			return &diagnosis.Diagnosis{
				Place: lock,
				Summary: fmt.Sprintf(
					"%s %s is locked for %s, and Bundler %s does not tell -gnu from -musl.",
					name,
					version,
					platform,
					b.bundler,
				),
				Hints: []string{
					"name a newer Ruby, whose own Bundler does, in " + b.app.Gemfile + ", such as " +
						"ruby \"~> 3.3\", and run `bundle lock`",
					"or set BUNDLE_FORCE_RUBY_PLATFORM=true in the build's configuration, so that gems are compiled",
				},
			}
		},
	}
}

// withLacking adds to the diagnosis of an install that failed that another Bundler was used than the lock file
// names.
func (b *work) withLacking(err error) error {
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); ok && b.lacking != "" {
		d.Hints = append(d.Hints, b.lacking)
	}
	return err
}

// unreachable is a gem source that can't be reached.
var unreachable = []diagnosis.Pattern{
	diagnosis.NewPattern("ruby/source-unreachable", `(?:Could not reach host (\S+?)/?\.(?:\s|$)|`+
		`(?:Could not fetch specs from|Network error while fetching) (\S+?)/?(?:\s|$))`, "",
		"The gem source $1$2 can't be reached.",
		"try again; if it persists, check SLUGC_GEM_MIRROR and the proxy settings, "+
			"or vendor the gems with `bundle cache`").Transient(),
}

const noDatabase = `[^\n]*(?:PG::ConnectionBad|Mysql2::Error|` +
	`ActiveRecord::(?:ConnectionNotEstablished|NoDatabaseError|DatabaseConnectionError)|` +
	`org\.postgresql\.util|127\.0\.0\.1)[^\n]*`

// assetPatterns are the failures of rake assets:precompile.
func (b *work) assetPatterns() []diagnosis.Pattern {
	fileHint := "commit the file, or correct the name that refers to it"
	if version, _ := b.app.Lock.Gem("sprockets"); isSprocketsBeta(version) {
		fileHint = fmt.Sprintf("sprockets %s is a pre-release with this fault: run `bundle update sprockets` "+
			"and commit %s", version, b.app.Lockfile)
	}
	return []diagnosis.Pattern{
		diagnosis.NewPattern("ruby/sprockets-file-not-found", `Sprockets::FileNotFound: ([^\n]*?)\.?\s*(?:\n|$)`, "",
			"Sprockets does not find an asset: $1.", fileHint),
		diagnosis.NewPattern("ruby/database-during-assets", noDatabase, "",
			"The app uses its database while its assets are compiled, and a build has none.",
			"keep initializers and classes from querying the database when they are loaded",
			"or set DATABASE_URL in the build's configuration",
			"it said: $0"),
	}
}

// isSprocketsBeta reports a pre-release of sprockets 4.0.0 that loses files.
func isSprocketsBeta(version string) bool { return strings.HasPrefix(version, "4.0.0.beta") }
