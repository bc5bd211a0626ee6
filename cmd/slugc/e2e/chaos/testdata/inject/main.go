// Command inject runs a command and disturbs it at one of its system calls.
//
//	inject -calls changes -log calls.txt -- slugc build .           # number the calls
//	inject -at 57 -do kill -- slugc build .                         # SIGKILL to the caller, before the call
//	inject -at 57 -do killall -- slugc build .                      # … to every process of the command
//	inject -at 57 -do ENOSPC -- slugc build .                       # the call fails
//	inject -at 57 -do ENOSPC -on -- slugc build .                   # and so does every later one
//	inject -at 57 -do 'cut /mnt' -- slugc build .                   # the power of an ext4 is cut
//	inject -at 57 -do 'beside slugc cache prune' -- slugc build .   # a shell command runs before the call
//
// Only calls on files count, and only those of processes that run the program (-program, the command's
// by default), whatever started them. The calls of all its processes and threads are counted in one
// order: strace counts each thread's apart, so that the last calls of a Go program are out of its reach.
// It uses the kernel's seccomp notifications (seccomp_unotify(2), Linux 5.19).
//
// inject ends as the command does: with its exit code, or 128 and the signal. It ends when no process
// of the command is left, background ones included.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == armed {
		fmt.Fprintln(os.Stderr, "inject:", arm(os.Args[2:]))
		os.Exit(125)
	}
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "inject:", err)
		os.Exit(125)
	}
	os.Exit(code)
}

// run parses the flags, and starts and watches the command.
func run() (int, error) {
	s := supervisor{log: io.Discard, ours: map[int]bool{}}
	flag.StringVar(&s.kinds, "calls", "changes", "which calls count: `changes` of files, all, or names with commas")
	flag.IntVar(&s.at, "at", 0, "the number of the call to disturb")
	flag.BoolVar(&s.on, "on", false, "disturb every later call too")
	do := flag.String("do", "", "`kill`, killall, cut DIRECTORY, beside COMMAND, or the name of an error")
	program := flag.String("program", "", "the program whose calls count; default: the command's")
	log := flag.String("log", "", "file for a line a call: number, name, paths; the disturbed one ends with !")
	power := flag.String("cut", "", "cut the power of the ext4 at a `directory`, and do nothing else")
	flag.Parse()
	if *power != "" {
		return 0, cut(*power)
	}
	if flag.NArg() == 0 {
		return 0, errors.New("no command")
	}
	path, err := exec.LookPath(flag.Arg(0))
	if err != nil {
		return 0, err
	}
	if *program == "" {
		*program = path
	}
	if s.program, err = os.Stat(*program); err != nil {
		return 0, err
	}
	if s.action, err = s.parseAction(*do); err != nil {
		return 0, err
	}
	if *log != "" {
		file, err := os.Create(*log)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		s.log = file
	}
	return s.start(append([]string{path}, flag.Args()...))
}

// start runs a program, args[0], with the arguments args[1:], the first of which is its name.
func (s *supervisor) start(args []string) (int, error) {
	// What the command leaves behind becomes a child of this process, so that killall finds it.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	there := os.NewFile(uintptr(pair[1]), "socket")
	cmd := exec.Command("/proc/self/exe", append([]string{armed}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{there}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	there.Close()
	if s.fd, err = receive(pair[0]); err != nil {
		return 0, errors.Join(err, cmd.Wait())
	}
	s.ours[cmd.Process.Pid] = true
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := s.serve(); err != nil {
		return 0, err
	}
	for _, other := range s.others {
		say(<-other)
	}
	err = <-ended
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return 0, err
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
