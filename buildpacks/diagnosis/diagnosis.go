// Package diagnosis is what a buildpack found wrong with an app, as data. A buildpack runs in a
// process of its own. It writes its [Diagnosis] as a JSON file to the path that the platform names
// in SLUGC_DIAGNOSIS ([Write]), and the platform reads the file ([Read]). Under another platform
// the variable is unset, and the diagnosis is only the error's text.
//
// A [Pattern] recognises a tool's failure by its output:
//
//	patterns := []diagnosis.Pattern{diagnosis.NewPattern("node/lockfile-out-of-sync",
//		`Missing: (\S+) from lock file`, "package-lock.json",
//		"package-lock.json does not match package.json: $1 is missing from it.", "run `npm install`")}
//	d := diagnosis.Recognise(append(patterns, diagnosis.Common("node")...), output)
//
// The file is untrusted: whatever ran in the sandbox may have written it. Read bounds it and strips
// control characters. Who is at fault and the exit code are not decided here but in compiler/fault.
package diagnosis

// Env is the environment variable that holds the path of the file to write.
const Env = "SLUGC_DIAGNOSIS"

// Diagnosis is a fault of the app that a buildpack recognised: what is wrong, where, and what to
// do.
type Diagnosis struct {
	ID        string   `json:"id"`                  // stable, `language/kebab-words`: "node/lockfile-out-of-sync"
	Summary   string   `json:"summary"`             // one sentence that names the file and the reason
	Place     string   `json:"place,omitempty"`     // file relative to the app root, ":line" where known
	Hints     []string `json:"hints,omitempty"`     // what to do, one sentence each; commands in backquotes
	Transient bool     `json:"transient,omitempty"` // trying again may help (network)

	// Newer is the tool of which a newer version may build the app, "go"; "" if that is not known to help. The
	// platform builds again where the app leaves it the choice.
	Newer string `json:"newer,omitempty"`
	// Waiting says that the build waits on the network now: the platform reads it of a build that it stops.
	Waiting bool `json:"waiting,omitempty"`
	// Again says that the same command may succeed at once, because an answer broke off.
	Again bool `json:"-"`
}

// Error returns the summary.
func (d *Diagnosis) Error() string { return d.Summary }
