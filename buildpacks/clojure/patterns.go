package clojure

import (
	"fmt"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// patterns are the known failures, the particular before the general.
func (b *work) patterns() []diagnosis.Pattern {
	manifest := b.manifest()
	return slices.Concat(memoryPatterns(), repositoryPatterns(manifest, b.mirror != ""), fetchPatterns(manifest),
		toolPatterns(manifest), compilePatterns(manifest), diagnosis.Common("clojure"), lastPatterns())
}

var classVersion = lazyregexp.New(`UnsupportedClassVersionError: (\S+) has been compiled by a more recent version ` +
	`of the Java Runtime \(class file version (\d+)`)

// memoryPatterns are the failures of the Java that builds the app.
func memoryPatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{
		diagnosis.NewPattern("clojure/out-of-memory",
			`OutOfMemoryError|There is insufficient memory for the Java Runtime Environment`, "",
			"Java ran out of memory while the app was being built.",
			"give the build more memory with JVM_OPTS=-Xmx1g (the app's compiler) "+
				"and LEIN_JVM_OPTS=-Xmx512m (Leiningen)",
			"check :jvm-opts in project.clj for a small -Xmx"),
		{
			ID: "clojure/java-too-old", Match: classVersion,
			Make: func(m []string) *diagnosis.Diagnosis {
				version := 0
				_, _ = fmt.Sscan(m[2], &version)
				version -= 44 // class file version 45 is Java 1's
				return &diagnosis.Diagnosis{
					Place:   "system.properties",
					Summary: fmt.Sprintf("%s needs Java %d or newer.", strings.ReplaceAll(m[1], "/", "."), version),
					Hints:   []string{fmt.Sprintf("write java.runtime.version=%d in system.properties", version)},
				}
			},
		},
	}
}

// transfer matches a Maven transfer that failed: the artifact, the repository and its address.
const transfer = `Could not transfer (?:artifact|metadata) (\S+) from/to (.+?) \((\S+)\): `

// repositoryPatterns are the failures of a Maven repository.
func repositoryPatterns(manifest string, mirrored bool) []diagnosis.Pattern {
	private := "put its user and password into the build's configuration: " +
		":username :env/… and :password :env/… in project.clj's :repositories"
	if mirrored {
		private = "check the user and password in " + MirrorEnv
	}
	insecure := lazyregexp.New(`(?s)Tried to use insecure HTTP repository without TLS:\s*(\S+): (\S+)|` +
		`Invalid repo url \(http not supported\):? ?()(\S+)`)
	return []diagnosis.Pattern{
		artifactPattern("clojure/repository-unauthorised", manifest, `(?m)`+transfer+
			`(?:authentication failed|authorization failed|.*status(?: code)?:? (?:401|403))`,
			"The repository $2 does not let this build fetch $1.", private),
		{
			ID: "clojure/repository-insecure", Match: insecure,
			Make: func(m []string) *diagnosis.Diagnosis {
				repository := strings.TrimSpace("The repository " + m[1])
				return &diagnosis.Diagnosis{
					Place:   manifest,
					Summary: repository + " is read over http, which anyone on the way can change.",
					Hints:   []string{"use its https address"},
				}
			},
		},
		artifactPattern("clojure/checksum", manifest, transfer+`Checksum validation failed, no checksums available`,
			"$1 of the repository $2 comes without a checksum.", checksumHints...),
		artifactPattern("clojure/checksum", manifest, transfer+`Checksum validation failed`,
			"$1 of the repository $2 does not match its checksum.", checksumHints...).Transient(),
	}
}

var checksumHints = []string{"a repository must publish .sha1 files beside its jars",
	"for a repository that you trust, write :checksum :warn in project.clj's :repositories"}

// fetchPatterns are the failures of fetching dependencies.
func fetchPatterns(manifest string) []diagnosis.Pattern {
	git := lazyregexp.New(`(?m)Unable to (?:clone|fetch) \S*?/_repos/(\S+)\n` +
		`(?:.*(Could not resolve host|Connection timed out|Connection refused))?`)
	return slices.Concat([]diagnosis.Pattern{
		{
			ID: "clojure/git-dependency", Match: git,
			Make: func(m []string) *diagnosis.Diagnosis {
				url := strings.Replace(m[1], "/", "://", 1)
				return &diagnosis.Diagnosis{
					Place:     manifest,
					Summary:   fmt.Sprintf("A dependency could not be fetched by git: %s.", url),
					Transient: m[2] != "",
					Hints: []string{"check its URL in deps.edn; a private one needs credentials in the build's git " +
						"configuration (GIT_CONFIG_COUNT …)", "or depend on a published release with :mvn/version"},
				}
			},
		},
		artifactPattern("clojure/network", manifest, transfer+`.*(?:PKIX path|certificate|SSLHandshake)`,
			"$1 could not be fetched from the repository $2 ($3): its certificate is not trusted.",
			"name a trust store with its authority in LEIN_JVM_OPTS and JVM_OPTS: "+
				"-Djavax.net.ssl.trustStore=‹file›",
		).Transient(),
		artifactPattern("clojure/network", manifest, `(?m)`+transfer+`.+$`,
			"$1 could not be fetched from the repository $2 ($3).",
			"try again; if it persists, check the repository and proxy settings").Transient(),
	}, diagnosis.Network("clojure"), []diagnosis.Pattern{
		// A description that is not there does not matter, so this one arrived damaged.
		artifactPattern("clojure/network", manifest, `Failed to read artifact descriptor for (\S+)()`,
			"The description (POM) of $1 could not be read: it arrived damaged, or was published so.",
			"try again; if it persists, check the repository and proxy settings").Transient(),
		artifactPattern("clojure/artifact-missing", manifest, `Could not find artifact (\S+) in (.+?) \(`,
			"No repository has $1.",
			"check its name and version in "+manifest+": it may be misspelt or not be published",
			"a library of your own can be published, or kept in a repository that :repositories names"),
		{
			ID: "clojure/dependencies",
			Match: lazyregexp.New(
				`Could not resolve dependencies|(?m)^Error building classpath\. (.+)$`),
			Make: func(m []string) *diagnosis.Diagnosis {
				summary := "The app's dependencies could not be resolved."
				if m[1] != "" {
					summary = "The app's dependencies could not be resolved: " + strings.TrimSuffix(m[1], ".") + "."
				}
				hints := []string{"`lein deps :tree` or `clojure -Stree` says more"}
				return &diagnosis.Diagnosis{Place: manifest, Summary: summary, Hints: hints}
			},
		},
	})
}

// artifactPattern returns a pattern whose expression matches an artifact and its repository. In the
// summary $1 stands for the artifact as Clojure writes it, and $2 for the repository in quotes.
func artifactPattern(id, manifest, expression, summary string, hints ...string) diagnosis.Pattern {
	return diagnosis.Pattern{ID: id, Match: lazyregexp.New(expression), Make: func(m []string) *diagnosis.Diagnosis {
		text := strings.NewReplacer("$1", coordinate(m[1]), "$2", fmt.Sprintf("%q", m[2])).Replace(summary)
		text = diagnosis.Expand(text, m)
		return &diagnosis.Diagnosis{Place: manifest, Summary: text, Hints: hints}
	}}
}

// coordinate writes Maven's group:name:jar:1.0 as Clojure does: group/name 1.0.
func coordinate(maven string) string {
	parts := strings.Split(maven, ":")
	if len(parts) < 3 {
		return maven
	}
	name := parts[0] + "/" + parts[1]
	if parts[0] == parts[1] {
		name = parts[1]
	}
	return name + " " + parts[len(parts)-1]
}

// toolPatterns are mistakes in how the build is configured.
func toolPatterns(manifest string) []diagnosis.Pattern {
	return []diagnosis.Pattern{
		diagnosis.NewPattern("clojure/task-unknown", `(?m)^'(.+)' is not a task\. See 'lein help'`, "project.clj",
			`Leiningen has no task "$1".`,
			"check LEIN_BUILD_TASK and bin/build",
			"a task of a plugin needs it in project.clj's :plugins"),
		diagnosis.NewPattern("clojure/npm-missing", `(?i)lein-npm.*npm.*not found|Cannot run program "npm"`, "",
			"The build needs npm, which is not on its PATH.",
			"commit a package.json, so that Node.js is part of the build"),
		diagnosis.NewPattern("clojure/git-history-missing",
			`not a git repository|clojure\.tools\.build.*git[-_]count|git-count-revs`, manifest,
			"The build reads the app's git history, and a slug is built from the files alone.",
			gitHints...),
		diagnosis.NewPattern("clojure/tools-build-missing",
			`Could not locate (clojure/tools/build/\w+)__init\.class`, "deps.edn",
			"build.clj uses clojure.tools.build, and the alias build does not depend on it.",
			`write {:deps {io.github.clojure/tools.build {:git/tag "…" :git/sha "…"}} :ns-default build} `+
				"for :build in deps.edn"),
		diagnosis.NewPattern("clojure/function-missing", `(?m)^There is no function (\S+)$`, manifest,
			"The build calls $1, and there is no such function."),
	}
}

var (
	noNamespace = lazyregexp.New(`Could not locate (\S+)__init\.class, \S+ or \S+ on classpath\.` +
		`(?: (Please check that namespaces with dashes use underscores))?`)
	syntaxError = lazyregexp.New(`(?m)^Syntax error (?:\([^)]*\) )?` +
		`(?:compiling|macroexpanding|reading source)(?: \S+)? at \((\S+?):(\d+)(?::\d+)?\)\.\n` +
		`(?:Syntax error .*\n)?(?:Execution error .*\n)?(.*)$`)
	executionError = lazyregexp.New(
		`(?m)^Execution error(?: \((\w+)\))? at (\S+) \((\w[\w./]*):(\d+)\)\.\n(.*)$`)
)

// compilePatterns are the errors of the Clojure compiler. It names a place and, below it, the
// cause.
func compilePatterns(manifest string) []diagnosis.Pattern {
	return []diagnosis.Pattern{
		{
			ID: "clojure/namespace-missing", Match: noNamespace,
			Make: func(m []string) *diagnosis.Diagnosis { return namespaceMissing(m, manifest) },
		},
		diagnosis.NewPattern("clojure/class-missing",
			`\(ClassNotFoundException\) at .*\n(\S+)|java\.lang\.ClassNotFoundException: (\S+)`, manifest,
			"There is no Java class $1$2, neither in Java nor in the app's dependencies.",
			"add the library that has it to "+manifest),
		{
			ID: "clojure/compile-failed", Match: syntaxError,
			Make: func(m []string) *diagnosis.Diagnosis {
				return &diagnosis.Diagnosis{
					Place:   m[1] + ":" + m[2],
					Summary: fmt.Sprintf("%s does not compile: %s.", m[1], strings.TrimSuffix(m[3], ".")),
				}
			},
		},
		{ID: "clojure/project-exception", Match: projectError, Make: projectException},
		{ID: "clojure/build-exception", Match: executionError, Make: buildException},
	}
}

// projectError matches the trace of a project.clj that throws: where it does, and the last cause.
var projectError = lazyregexp.New(`(?s)Error loading \S*?([\w.-]+\.clj)\n` +
	`(?:.*?\bat \(\S*?project\.clj:(\d+):\d+\))?(?:.*\nCaused by: [\w.$]+: ([^\n]+))?`)

func projectException(m []string) *diagnosis.Diagnosis {
	d := &diagnosis.Diagnosis{Place: m[1], Summary: m[1] + " can't be loaded."}
	if m[2] != "" {
		d.Place += ":" + m[2]
	}
	if m[3] != "" {
		d.Summary = fmt.Sprintf("%s can't be loaded: %s.", m[1], strings.TrimSuffix(strings.TrimSpace(m[3]), "."))
	}
	if git.MatchString(m[0]) {
		d.Hints = gitHints
	}
	return d
}

// git matches the word in what an exception says.
var git = lazyregexp.New(`Caused by: .*\bgit\b`)

// gitHints are what to do about code that asks git, in a build that has the files alone.
var gitHints = []string{
	"a build has the app's files and not its git history: take the version from the environment, where " +
		"SOURCE_VERSION holds the commit if it is known (`(or (System/getenv \"SOURCE_VERSION\") …)`)",
	"or write it in build.clj or project.clj",
}

func namespaceMissing(m []string, manifest string) *diagnosis.Diagnosis {
	namespace := strings.NewReplacer("/", ".", "_", "-").Replace(m[1])
	d := &diagnosis.Diagnosis{
		Place:   manifest,
		Summary: fmt.Sprintf("There is no namespace %s, neither in the app nor in its dependencies.", namespace),
	}
	if m[2] != "" {
		d.Hints = append(d.Hints,
			fmt.Sprintf("a dash in a namespace is an underscore in its file's name: %s.clj", m[1]))
	}
	d.Hints = append(d.Hints, "commit the file; .gitignore or .slugignore may ignore it",
		"or add the library that has it to "+manifest)
	return d
}

func buildException(m []string) *diagnosis.Diagnosis {
	text := strings.TrimSpace(m[5])
	if text == "" {
		text = m[1]
	}
	d := &diagnosis.Diagnosis{
		Summary: fmt.Sprintf("The build's own code failed in %s: %s.", m[2], strings.TrimSuffix(text, ".")),
	}
	if strings.HasSuffix(m[3], ".clj") {
		d.Place = m[3] + ":" + m[4]
	}
	return d
}

// lastPatterns are vague, so they come after all others.
func lastPatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{
		diagnosis.NewPattern("clojure/profile-missing", `Warning: profile :(\S+) not found`, "project.clj",
			"project.clj has no profile $1, which the build uses.",
			"add it to :profiles, or remove it from LEIN_BUILD_TASK"),
	}
}
