package sandbox

import "strings"

// promises is the table of the package comment: what a hostile child may try, and the first letters of the
// levels that prevent it.
var promises = []struct{ attempt, levels string }{
	{"reading the environment or memory of another process", "b l"},
	{"reading keys, other apps' caches and repositories", "b l"},
	{"reading and adding to the caller's keyrings", "b l"},
	{"reaching the network with Network false", "b l"},
	{"reaching the host's own ports with Network true", ""},
	{"connecting to an abstract Unix socket of the host", "b l"},
	{"connecting to a Unix socket of the host by its path", "b l"},
	{"writing outside its binds: directly, by link, by ..", "b l"},
	{"changing the mode and times of the caller's files", "b"},
	{"extended attributes, file capabilities", "b l"},
	{"setuid and setgid files", "b l"},
	{"device nodes, capabilities", "b l"},
	{"keyctl, bpf, perf, io_uring, userfaultfd, rare sockets", "b l"},
	{"typing into the caller's terminal", "b l"},
	{"ending, tracing or signalling the host's processes", "b l"},
	{"leaving a daemon behind (two forks, setsid, nohup)", "b l n"},
	{"ignoring SIGTERM, sleeping for ever, endless output", "b l n"},
	{"more memory, processes or disk than its limits", "b l n"},
}

// What Landlock's scopes prevent also depends on the kernel.
const (
	abstractSockets = "connecting to an abstract Unix socket of the host"
	signals         = "ending, tracing or signalling the host's processes"
)

// Permits lists what a child can do at this level on this machine, such as "connecting to an abstract Unix
// socket of the host".
func (s *Sandbox) Permits() (list []string) {
	for _, p := range promises {
		prevents := strings.Contains(p.levels, string(s.level)[:1])
		if (s.level == Bubblewrap && p.attempt == abstractSockets) || (s.level == Landlock && p.attempt == signals) {
			prevents = scopes()
		}
		if !prevents {
			list = append(list, p.attempt)
		}
	}
	return list
}
