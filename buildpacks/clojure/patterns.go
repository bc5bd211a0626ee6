package clojure

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
)

// patterns are the failures that are known, the particular before the general (languages.md 5.7).
func (b *work) patterns() []diagnosis.Pattern {
	return slices.Concat(memoryPatterns(), fetchPatterns(b.manifest(), b.mirror != ""), toolPatterns(b.manifest()),
		compilePatterns(b.manifest()), diagnosis.Common("clojure"), lastPatterns())
}

func memoryPatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{{
		ID: "clojure/out-of-memory", Match: regexp.MustCompile(`OutOfMemoryError|There is insufficient memory for the Java Runtime Environment`),
		Make: diagnosis.Fixed(diagnosis.Diagnosis{Summary: "Java ran out of memory while the app was being built.",
			Hints: []string{"give the build more memory by JVM_OPTS=-Xmx1g (the app's compiler) and LEIN_JVM_OPTS=-Xmx512m (Leiningen)", "check :jvm-opts in project.clj for a small -Xmx"}}),
	}, {
		ID: "clojure/java-too-old", Match: regexp.MustCompile(`UnsupportedClassVersionError: (\S+) has been compiled by a more recent version of the Java Runtime \(class file version (\d+)`),
		Make: func(m []string) *diagnosis.Diagnosis {
			n := 0
			_, _ = fmt.Sscan(m[2], &n)
			return &diagnosis.Diagnosis{
				Place:   "system.properties",
				Summary: fmt.Sprintf("%s needs Java %d or newer.", strings.ReplaceAll(m[1], "/", "."), n-44),
				Hints:   []string{fmt.Sprintf("write java.runtime.version=%d in system.properties", n-44)},
			}
		},
	}}
}

// fetchPatterns are dependencies that can't be had.
func fetchPatterns(manifest string, mirrored bool) []diagnosis.Pattern {
	at := func(d *diagnosis.Diagnosis) *diagnosis.Diagnosis { d.Place = manifest; return d }
	private := []string{"give its user and password by the build's configuration: :username :env/… and :password :env/… in project.clj's :repositories"}
	if mirrored {
		private = []string{"check the user and password in " + MirrorEnv}
	}
	return []diagnosis.Pattern{{
		ID: "clojure/repository-unauthorised", Match: regexp.MustCompile(`(?m)Could not transfer (?:artifact|metadata) (\S+) from/to (.+?) \(\S+\): (?:authentication failed|authorization failed|.*status(?: code)?:? (?:401|403))`),
		Make: func(m []string) *diagnosis.Diagnosis {
			return at(&diagnosis.Diagnosis{Summary: fmt.Sprintf("The repository %q does not let this build fetch %s.", m[2], coordinate(m[1])), Hints: private})
		},
	}, {
		ID: "clojure/repository-insecure", Match: regexp.MustCompile(`(?s)Tried to use insecure HTTP repository without TLS:\s*(\S+): (\S+)|Invalid repo url \(http not supported\):? ?()(\S+)`),
		Make: func(m []string) *diagnosis.Diagnosis {
			return at(&diagnosis.Diagnosis{Summary: strings.TrimSpace("The repository "+m[1]) + " is read over http, which anyone on the way can change.", Hints: []string{"use its https address"}})
		},
	}, {
		ID: "clojure/checksum", Match: regexp.MustCompile(`Could not transfer artifact (\S+) from/to (.+?) \(\S+\): Checksum validation failed(, no checksums available)?`),
		Make: func(m []string) *diagnosis.Diagnosis {
			text := "is not what its checksum says"
			if m[3] != "" {
				text = "comes without a checksum"
			}
			return at(&diagnosis.Diagnosis{Summary: fmt.Sprintf("%s of the repository %q %s.", coordinate(m[1]), m[2], text), Transient: m[3] == "", Hints: []string{"a repository must publish .sha1 files beside its jars", "of a repository you trust, write :checksum :warn in project.clj's :repositories"}})
		},
	}, {
		ID: "clojure/git-dependency", Match: regexp.MustCompile(`(?m)Unable to (?:clone|fetch) \S*?/_repos/(\S+)\n(?:.*(Could not resolve host|Connection timed out|Connection refused))?`),
		Make: func(m []string) *diagnosis.Diagnosis {
			d := at(&diagnosis.Diagnosis{Summary: "A dependency could not be fetched by git: " + strings.Replace(m[1], "/", "://", 1) + ".", Hints: []string{"check its URL in deps.edn; a private one needs credentials in the build's git configuration (GIT_CONFIG_COUNT …)", "or depend on a published release by :mvn/version"}})
			d.Transient = m[2] != ""
			return d
		},
	}, {
		ID: "clojure/network", Match: regexp.MustCompile(`(?m)Could not transfer (?:artifact|metadata) (\S+) from/to (.+?) \((\S+)\): (.+)$`),
		Make: func(m []string) *diagnosis.Diagnosis {
			return at(&diagnosis.Diagnosis{Transient: true, Summary: fmt.Sprintf("%s could not be fetched from the repository %q (%s).", coordinate(m[1]), m[2], m[3]), Hints: []string{"try again; if it persists, check the repository and proxy settings"}})
		},
	}, {
		ID: "clojure/artifact-missing", Match: regexp.MustCompile(`Could not find artifact (\S+) in (.+?) \(`),
		Make: func(m []string) *diagnosis.Diagnosis {
			return at(&diagnosis.Diagnosis{Summary: fmt.Sprintf("No repository has %s.", coordinate(m[1])), Hints: []string{"check its name and version in " + manifest + ": it may be misspelt or not be published", "a library of your own can be published, or kept in a repository that :repositories names"}})
		},
	}, {
		ID: "clojure/dependencies", Match: regexp.MustCompile(`Could not resolve dependencies|(?m)^Error building classpath\. (.+)$`),
		Make: func(m []string) *diagnosis.Diagnosis {
			d := at(&diagnosis.Diagnosis{Summary: "The app's dependencies could not be resolved.", Hints: []string{"`lein deps :tree` or `clojure -Stree` says more"}})
			if m[1] != "" {
				d.Summary = "The app's dependencies could not be resolved: " + strings.TrimSuffix(m[1], ".") + "."
			}
			return d
		},
	}}
}

// coordinate writes group:name:jar:1.0 as Clojure does: group/name 1.0.
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

// toolPatterns are mistakes in how the build is asked for.
func toolPatterns(manifest string) []diagnosis.Pattern {
	return []diagnosis.Pattern{{
		ID: "clojure/task-unknown", Match: regexp.MustCompile(`(?m)^'(.+)' is not a task\. See 'lein help'`),
		Make: func(m []string) *diagnosis.Diagnosis {
			return &diagnosis.Diagnosis{
				Place:   "project.clj",
				Summary: fmt.Sprintf("Leiningen knows no task %q.", m[1]),
				Hints: []string{"check LEIN_BUILD_TASK and bin/build",
					"a task of a plugin needs it in project.clj's :plugins"},
			}
		},
	}, {
		ID: "clojure/npm-missing", Match: regexp.MustCompile(`(?i)lein-npm.*npm.*not found|Cannot run program "npm"`),
		Make: diagnosis.Fixed(diagnosis.Diagnosis{Summary: "The build needs npm, which is not on its PATH.",
			Hints: []string{"commit a package.json, so that Node.js is part of the build"}}),
	}, {
		ID: "clojure/git-history-missing", Match: regexp.MustCompile(`not a git repository|clojure\.tools\.build.*git[-_]count|git-count-revs`),
		Make: diagnosis.Fixed(diagnosis.Diagnosis{Place: manifest,
			Summary: "The build asks git for the app's history, and a slug is built from the files alone.",
			Hints:   []string{"take the version from the environment: SOURCE_VERSION holds the commit where it is known", "or write it in build.clj or project.clj"}}),
	}, {
		ID: "clojure/tools-build-missing", Match: regexp.MustCompile(`Could not locate (clojure/tools/build/\w+)__init\.class`),
		Make: diagnosis.Fixed(diagnosis.Diagnosis{Place: "deps.edn",
			Summary: "build.clj uses clojure.tools.build, and the alias build does not depend on it.",
			Hints:   []string{`write {:deps {io.github.clojure/tools.build {:git/tag "…" :git/sha "…"}} :ns-default build} for :build in deps.edn`}}),
	}, {
		ID: "clojure/function-missing", Match: regexp.MustCompile(`(?m)^There is no function (\S+)$`),
		Make: func(m []string) *diagnosis.Diagnosis {
			return &diagnosis.Diagnosis{
				Place:   manifest,
				Summary: fmt.Sprintf("The build calls %s, and there is no such function.", m[1]),
			}
		},
	}}
}

// compilePatterns are what the compiler says. It names a place and, below it, the cause.
func compilePatterns(manifest string) []diagnosis.Pattern {
	return []diagnosis.Pattern{{
		ID: "clojure/namespace-missing", Match: regexp.MustCompile(`Could not locate (\S+)__init\.class, \S+ or \S+ on classpath\.(?: (Please check that namespaces with dashes use underscores))?`),
		Make: func(m []string) *diagnosis.Diagnosis {
			ns := strings.NewReplacer("/", ".", "_", "-").Replace(m[1])
			d := &diagnosis.Diagnosis{
				Place:   manifest,
				Summary: fmt.Sprintf("There is no namespace %s, neither in the app nor in its dependencies.", ns),
				Hints: []string{"commit the file; .gitignore or .slugignore may leave it out",
					"or add the library that has it to " + manifest},
			}
			if m[2] != "" {
				d.Hints = append(
					[]string{fmt.Sprintf("a dash in a namespace is an underscore in its file's name: %s.clj", m[1])},
					d.Hints...)
			}
			return d
		},
	}, {
		ID: "clojure/class-missing", Match: regexp.MustCompile(`\(ClassNotFoundException\) at .*\n(\S+)|java\.lang\.ClassNotFoundException: (\S+)`),
		Make: func(m []string) *diagnosis.Diagnosis {
			return &diagnosis.Diagnosis{
				Place: manifest,
				Summary: fmt.Sprintf("There is no Java class %s, neither in Java nor in the app's dependencies.",
					m[1]+m[2]),
				Hints: []string{"add the library that has it to " + manifest},
			}
		},
	}, {
		ID: "clojure/compile-failed", Match: regexp.MustCompile(`(?m)^Syntax error (?:\([^)]*\) )?(?:compiling|macroexpanding|reading source)(?: \S+)? at \((\S+?):(\d+)(?::\d+)?\)\.\n(?:Syntax error .*\n)?(?:Execution error .*\n)?(.*)$`),
		Make: func(m []string) *diagnosis.Diagnosis {
			return &diagnosis.Diagnosis{
				Place:   m[1] + ":" + m[2],
				Summary: fmt.Sprintf("%s does not compile: %s.", m[1], strings.TrimSuffix(m[3], ".")),
			}
		},
	}, {
		ID: "clojure/build-exception", Match: regexp.MustCompile(`(?m)^Execution error(?: \((\w+)\))? at (\S+) \((\w[\w./]*):(\d+)\)\.\n(.*)$`),
		Make: func(m []string) *diagnosis.Diagnosis {
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
		},
	}}
}

// lastPatterns say little, and only where nothing better is known.
func lastPatterns() []diagnosis.Pattern {
	return []diagnosis.Pattern{{
		ID: "clojure/profile-missing", Match: regexp.MustCompile(`Warning: profile :(\S+) not found`),
		Make: func(m []string) *diagnosis.Diagnosis {
			return &diagnosis.Diagnosis{
				Place:   "project.clj",
				Summary: fmt.Sprintf("project.clj has no profile %s, which the build asks for.", m[1]),
				Hints:   []string{"add it to :profiles, or take it out of LEIN_BUILD_TASK"},
			}
		},
	}}
}
