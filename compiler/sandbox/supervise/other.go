//go:build !linux

package supervise

import "errors"

// Main returns at once: this system has no supervisors.
func Main([]string) {}

// Step returns nil: this system takes no network from a program.
func Step(string, bool) []string { return nil }

// Ready is a supervisor without a process, of which this system has none.
type Ready struct{}

// Close does nothing.
func (*Ready) Close() {}

var errNoSupervisor = errors.New("a supervisor runs on Linux only")

func prepare(Request) (*Ready, error) { return nil, errNoSupervisor }

func startSupervised(Request) (int, control, error) { return 0, nil, errNoSupervisor }

// Descendants returns none: this system has no /proc.
func Descendants(int) []int { return nil }

// Memory returns 0: this system has no /proc.
func Memory([]int, int64) int64 { return 0 }

// Threads returns 0: this system has no /proc.
func Threads([]int) int64 { return 0 }
