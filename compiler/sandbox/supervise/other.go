//go:build !linux

package supervise

import "errors"

// Main returns at once: on this system there are no supervisors.
func Main([]string) {}

func startSupervised(Request) (int, control, error) {
	return 0, nil, errors.New("supervising is for Linux alone")
}
