package measure

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// argMeasure is the first argument of a process that measures one command; the second is the
// [Command] as JSON. It writes the [Sample] to file descriptor 3.
const argMeasure = "measure-one-command"

const (
	stragglers = 2 * time.Minute // how long what a command leaves running may take to end
	patience   = 5 * time.Minute // how long a server may take to answer
)

// Main must be the first call of main(): it is the process that measures, if this is one.
func Main() {
	if len(os.Args) != 3 || os.Args[1] != argMeasure {
		return
	}
	code, err := measured(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "measuring:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func measured(spec string) (code int, err error) {
	syscall.CloseOnExec(3)
	var c Command
	if err := json.Unmarshal([]byte(spec), &c); err != nil {
		return 0, err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, os.Stdout, os.Stderr
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	var s Sample
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	memory := watch(cmd.Process.Pid, c.Own)
	go func() {
		for sig := range stop {
			_ = cmd.Process.Signal(sig)
		}
	}()
	answered := make(chan error, 1)
	if c.Answer != "" {
		go func() {
			err := await(c.Answer)
			s.Wall = time.Since(start).Seconds()
			_ = cmd.Process.Signal(syscall.SIGTERM)
			answered <- err
		}()
	}
	ended(cmd.Process.Pid)
	took := time.Since(start).Seconds()
	s.Written = written(cmd.Process.Pid)
	err = cmd.Wait()
	s.Peak = memory.end()
	if c.Answer != "" {
		select {
		case err = <-answered:
		case <-time.After(time.Second):
			return 1, errors.Join(errors.New("the server ended before it answered"), err)
		}
	} else {
		s.Wall = took
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(1, exit.ExitCode()), nil
	} else if err != nil {
		return 1, err
	}
	if err := reap(); err != nil {
		return 1, err
	}
	s.CPU, s.Largest, err = used()
	return 0, errors.Join(err, json.NewEncoder(os.NewFile(3, "report")).Encode(s))
}

// await asks a URL until it answers with 200.
func await(url string) error {
	client := http.Client{Timeout: patience}
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		response, err := client.Get(url)
		if err != nil {
			last = err
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
		last = fmt.Errorf("the answer is %s", response.Status)
	}
	return fmt.Errorf("%s does not answer: %w", url, last)
}

// ended waits for the end of a child, and leaves it to be reaped.
func ended(pid int) {
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// written is what a process that has ended, but was not reaped, has written with all that it waited
// for: wchar of proc(5).
func written(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if number, ok := strings.CutPrefix(line, "wchar: "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
			return n
		}
	}
	return 0
}

// reap waits for all that the command has left behind.
func reap() error {
	timer := time.AfterFunc(stragglers, func() {
		for _, pid := range children(os.Getpid()) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	defer timer.Stop()
	for {
		_, err := unix.Wait4(-1, nil, 0, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return err
		}
	}
}

// used is what all children that were reaped have used: CPU seconds, and the bytes of the largest.
func used() (cpu float64, largest int64, err error) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &usage); err != nil {
		return 0, 0, err
	}
	seconds := func(t unix.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime), usage.Maxrss << 10, nil
}
