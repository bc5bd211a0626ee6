package descriptor

import "reflect"

// rule is what is said of a key and what its value must be. The reader, [Schema] and the documentation have it from
// here.
type rule struct {
	doc     string
	enum    []string // the texts allowed
	pattern string   // what a text, or each text of a list or table, must match
	names   string   // what the names of a table must match
	hint    string   // what to write instead of what is wrong
}

// ruled is a struct whose keys have rules.
type ruled interface{ rules() map[string]rule }

// rulesOf returns the rules of a struct's keys.
func rulesOf(t reflect.Type) map[string]rule {
	if r, ok := reflect.Zero(t).Interface().(ruled); ok {
		return r.rules()
	}
	return nil
}

// What several keys must match.
const (
	stackName = `^[a-z0-9][a-z0-9._-]{0,63}$`
	varName   = `^[A-Za-z_][A-Za-z0-9_]{0,255}$`
	typeName  = `^[A-Za-z0-9_-]{1,63}$`
	oneLine   = `^[^\r\n\x00]*[^\s\x00][^\r\n\x00]*$`
	pattern   = `^[^\r\n\x00]{1,512}$` // of .gitignore
	reference = `^[^\s\x00-\x1f\x7f]{1,1000}$`
	duration  = `^([0-9]{1,6}(h|m|s))+$`
	size      = `^[0-9]{1,15}\s*([kKMGT]i?)?B?$`
)

func (Settings) rules() map[string]rule {
	return map[string]rule{
		"buildpacks": {
			doc:     "The buildpacks in order, as --buildpack names them: id, directory, archive, git URL or image.",
			pattern: reference,
			hint:    `write references such as "slugc/node" or "https://host/buildpack.tgz"`,
		},
		"versions": {doc: "The versions of runtimes and tools, as SLUGC_NODE_VERSION and its like have them."},
		"env": {
			doc:   "Build configuration: variables that buildpacks get. Those of --env win.",
			names: varName,
			hint:  `write NAME = "value", with a name of letters, digits and _`,
		},
		"processes": {
			doc:   "Process types and their commands, for types that the Procfile does not have.",
			names: typeName, pattern: oneLine,
			hint: `write TYPE = "command", in one line`,
		},
		"include": {
			doc:     "Patterns, as in .gitignore, of what the build gets; all else is left out. Not with exclude.",
			pattern: pattern, hint: "write one pattern a text",
		},
		"exclude": {
			doc:     "Patterns, as in .gitignore, of what the build does not get. Not with include.",
			pattern: pattern, hint: "write one pattern a text",
		},
		"limits": {doc: "Limits of the build, below those of the builder."},
		"network": {
			doc:  "What has the network: full, install (not the app's scripts) or none. The builder may allow less.",
			enum: []string{"full", "install", "none"},
		},
		"stack": {
			doc:     "The name of the stack that buildpacks are told.",
			pattern: stackName, hint: `write a name such as "heroku-24" or "debian-12"`,
		},
	}
}

func (Versions) rules() map[string]rule {
	tool := func(doc, example string) rule {
		return rule{doc: doc, pattern: oneLine, hint: `write the version between quotes, such as "` + example + `"`}
	}
	return map[string]rule{
		"node":      tool("Node.js, as engines.node of package.json.", "22"),
		"npm":       tool("npm, as engines.npm of package.json.", "11"),
		"go":        tool("Go.", "1.25"),
		"ruby":      tool("Ruby.", "3.3.9"),
		"jdk":       tool("The JDK.", "21"),
		"leiningen": tool("Leiningen.", "2.11.2"),
		"clojure":   tool("The Clojure CLI.", "1.12.4.1597"),
	}
}

func (Limits) rules() map[string]rule {
	const aTime, aSize = `write a time such as "10m"`, `write a size such as "2GiB"`
	return map[string]rule{
		"timeout":      {doc: "How long a buildpack may run.", pattern: duration, hint: aTime},
		"idle-timeout": {doc: "How long a buildpack may run without output.", pattern: duration, hint: aTime},
		"memory":       {doc: "The most memory that a buildpack may use.", pattern: size, hint: aSize},
		"processes":    {doc: "The most processes and threads of a buildpack.", hint: "write a number such as 512"},
		"disk":         {doc: "The most bytes that a buildpack may write.", pattern: size, hint: aSize},
		"size":         {doc: "The largest slug allowed.", pattern: size, hint: aSize},
	}
}
