// Package report is how a build tells people what it does. A stage calls a [Reporter]; who prints,
// and where, is the caller's choice.
//
//	r.Step("Packing the slug")
//	r.Detail("app  " + report.Bytes(size))
//
// It holds no words of its own: every text comes from the stage that knows. Errors are not
// reported here but returned, see package fault.
package report

import (
	"fmt"
	"io"
)

// Reporter is told what happens. Calls come from one goroutine at a time, except Progress, which
// may come from any.
type Reporter interface {
	Step(text string)                        // a step begins
	Detail(text string)                      // a line about the step
	Warn(text string)                        // something the app's owner should know
	Output(source string) io.Writer          // where the output of a buildpack or process goes
	Progress(what string, done, total int64) // how far a long step is; total is 0 where unknown
}

// Bytes formats a size in decimal units with one digit: "44.7 MB".
func Bytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
