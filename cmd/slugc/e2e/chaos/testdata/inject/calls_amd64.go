package main

import "golang.org/x/sys/unix"

// Calls that later architectures no longer have.
func init() {
	calls[unix.SYS_OPEN] = call{name: "open", flags: 1, paths: []path{{-1, 0}}}
	calls[unix.SYS_CREAT] = call{name: "creat", paths: []path{{-1, 0}}}
	calls[unix.SYS_RENAME] = call{name: "rename", paths: []path{{-1, 0}, {-1, 1}}}
	calls[unix.SYS_LINK] = call{name: "link", paths: []path{{-1, 0}, {-1, 1}}}
	calls[unix.SYS_SYMLINK] = call{name: "symlink", paths: []path{{-1, 1}}}
	calls[unix.SYS_UNLINK] = call{name: "unlink", paths: []path{{-1, 0}}}
	calls[unix.SYS_RMDIR] = call{name: "rmdir", paths: []path{{-1, 0}}}
	calls[unix.SYS_MKDIR] = call{name: "mkdir", paths: []path{{-1, 0}}}
	calls[unix.SYS_CHMOD] = call{name: "chmod", paths: []path{{-1, 0}}}
}
