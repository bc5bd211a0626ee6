// Package diagnosis is what a buildpack found wrong with an app, as data. A buildpack runs in a
// process of its own; the diagnosis crosses the border as a JSON file whose path the platform gives
// in SLUGC_DIAGNOSIS. Under another CNB platform the variable is unset and the diagnosis is only
// the error's text.
//
// The file is untrusted: whatever ran in the sandbox may have written it. [Read] bounds it and
// strips control characters.
package diagnosis

// Env is the environment variable that holds the path of the file to write.
const Env = "SLUGC_DIAGNOSIS"

// Diagnosis is an error of the app's own, recognised by a buildpack: what is wrong, where, and the
// way out.
type Diagnosis struct {
	ID        string   `json:"id"`                  // stable, `language/kebab-words`: "node/lockfile-out-of-sync"
	Summary   string   `json:"summary"`             // one sentence, names the file and the reason
	Place     string   `json:"place,omitempty"`     // file relative to the app root, ":line" where known
	Hints     []string `json:"hints,omitempty"`     // what to do, one sentence each; commands in backquotes
	Transient bool     `json:"transient,omitempty"` // trying again may help (network)
}

// Error returns the summary.
func (d *Diagnosis) Error() string { return d.Summary }
