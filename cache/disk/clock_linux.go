package disk

import (
	"time"

	"golang.org/x/sys/unix"
)

// FileClock returns the time that the kernel stamps files with now, in nanoseconds since 1970: a file that changes
// after the call has this time or a later one. It is that of the last tick, some milliseconds before [time.Now], and
// more while a virtual machine waits for a processor. A file system of another machine has its own clock.
func FileClock() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &t); err != nil {
		return time.Now().UnixNano()
	}
	return t.Nano()
}
