// Package seccomp is the list of system calls that no build needs and that the sandbox denies: those that
// reach keys of the caller, load code into the kernel, or have often been its weak place. [Program]
// compiles the list to a filter of seccomp(2), [Install] sets such a filter on the calling thread.
//
// A denied call fails with EPERM. Three kinds fail otherwise, because programs know that answer and go
// another way: io_uring, clone3, openat2 and fchmodat2 with ENOSYS, as on an older kernel; extended
// attributes with ENOTSUP, as on a file system without them.
//
// A filter sees numbers, not what a pointer leads to. It can therefore deny the setuid bit, which is in a
// number, and not a path or the address of a socket.
package seccomp

// Options widen or narrow the list.
type Options struct {
	// NoUnix denies new Unix sockets, apart from connected pairs. It is for a sandbox that shows the host's
	// directories, in which sockets of the host's services lie.
	NoUnix bool `json:"no_unix,omitempty"`
	// NoInternet denies IPv4 and IPv6 sockets, loopback included. It is for a sandbox that cannot have a
	// network of its own.
	NoInternet bool `json:"no_internet,omitempty"`
	// NewNetwork permits unshare(2) to make a network namespace, which needs CAP_SYS_ADMIN all the same.
	NewNetwork bool `json:"new_network,omitempty"`
}
