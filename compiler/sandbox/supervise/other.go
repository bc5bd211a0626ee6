//go:build !linux

package supervise

import "errors"

// Main returns at once: this system has no supervisors.
func Main([]string) {}

func startSupervised(Request) (int, control, error) {
	return 0, nil, errors.New("a supervisor runs on Linux only")
}
