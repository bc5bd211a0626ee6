//go:build !linux

package disk

import "time"

// FileClock returns the time that files are stamped with now, in nanoseconds since 1970.
func FileClock() int64 { return time.Now().UnixNano() }
