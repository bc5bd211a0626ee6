package toolchain

import (
	"sync/atomic"

	"slugc/buildpacks/toolchain/source"
)

// Progress receives what [Store.Ensure] does. Calls come from several goroutines at once.
type Progress interface {
	// Fetch reports that done of total bytes of a tool have arrived. total is 0 while it is
	// unknown.
	Fetch(tool, version string, done, total int64)
	// Note is one line for people: a source that refused, a range that was capped.
	Note(line string)
}

type noProgress struct{}

func (noProgress) Fetch(string, string, int64, int64) {}
func (noProgress) Note(string)                        {}

// sumMeters adds up the progress of a fetch's downloads, so that p receives one.
func sumMeters(tool, version string, p Progress) func() source.Meter {
	var done, total atomic.Int64
	return func() source.Meter {
		var lastDone, lastTotal int64
		return func(d, t int64) {
			sum, all := done.Add(d-lastDone), total.Add(t-lastTotal)
			lastDone, lastTotal = d, t
			p.Fetch(tool, version, sum, all)
		}
	}
}
