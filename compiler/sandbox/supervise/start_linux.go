package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// The hidden arguments of the slugc binary.
const (
	argHidden    = "__sandbox"
	argSupervise = "supervise"
	argExec      = "exec"
	argStep      = "step"
)

// The supervisor's inherited files.
const (
	fdRequest = 3 // JSON, read to its end
	fdControl = 4 // signal numbers, one byte each; its end kills all
	fdReport  = 5 // two JSON reports: started, ended
	fdInherit = 6 // and up: what the process inherits
)

// supervisorRequest is the request as the supervisor reads it.
type supervisorRequest struct {
	Request
	Inherited int `json:"inherited"`
}

// report is a message of the supervisor's: the first has Pid or Error, the second Code and Signal.
type report struct {
	Pid   int    `json:"pid,omitempty"`
	Error string `json:"error,omitempty"`
	Errno int    `json:"errno,omitempty"`
	// NoMount says that the error is that of a mount.
	NoMount bool `json:"no_mount,omitempty"`
	Code    int  `json:"code"`
	Signal  int  `json:"signal"`
}

// supervised is the parent's view of a supervisor.
type supervised struct {
	cmd     *exec.Cmd
	pid     int
	control *os.File
	report  *os.File
	reports *json.Decoder
}

func startSupervised(r Request) (int, control, error) {
	var pipes [6]*os.File // request, control, report: read end, write end
	for i := 0; i < len(pipes); i += 2 {
		var err error
		if pipes[i], pipes[i+1], err = os.Pipe(); err != nil {
			closeAll(pipes[:i])
			return 0, nil, err
		}
	}
	cmd := &exec.Cmd{Path: r.Self, Args: []string{r.Self, argHidden, argSupervise}, Env: []string{}, Dir: "/"}
	r.setStreams(cmd)
	own := []*os.File{pipes[0], pipes[2], pipes[5]}
	cmd.ExtraFiles = append(own[:3:3], r.Inherit...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !r.Terminal}
	err := cmd.Start()
	closeAll(own)
	if err != nil {
		closeAll([]*os.File{pipes[1], pipes[3], pipes[4]})
		return 0, nil, fmt.Errorf("starting the supervisor %q: %w", r.Self, err)
	}
	s := &supervised{cmd: cmd, control: pipes[3], report: pipes[4], reports: json.NewDecoder(pipes[4])}
	errSend := json.NewEncoder(pipes[1]).Encode(supervisorRequest{r, len(r.Inherit)})
	pipes[1].Close()
	if err := s.readStarted(errSend); err != nil {
		s.control.Close()
		cmd.Wait()
		s.report.Close()
		return 0, nil, err
	}
	return s.pid, s, nil
}

// readStarted reads the first report. errSend is the error of sending the request.
func (s *supervised) readStarted(errSend error) error {
	var first report
	switch err := s.reports.Decode(&first); {
	case err != nil && errSend != nil:
		return fmt.Errorf("talking to the supervisor: %w", errSend)
	case err != nil:
		return fmt.Errorf("talking to the supervisor: %w", unexpectedEOF(err))
	case first.NoMount:
		return fmt.Errorf("%w: %w", ErrNoMount, syscall.Errno(first.Errno))
	case first.Errno != 0:
		return &os.PathError{Op: "exec", Path: first.Error, Err: syscall.Errno(first.Errno)}
	case first.Error != "":
		return errors.New(first.Error)
	}
	s.pid = first.Pid
	return nil
}

func (s *supervised) root() int { return s.cmd.Process.Pid }

func (s *supervised) signal(sig syscall.Signal) {
	// With a full pipe or an ended supervisor the signal is of no use, so the error is ignored.
	s.control.Write([]byte{byte(sig)})
}

func (s *supervised) wait() (Status, error) {
	var last report
	err := s.reports.Decode(&last)
	s.cmd.Wait()
	s.control.Close()
	s.report.Close()
	if err != nil {
		syscall.Kill(-s.pid, syscall.SIGKILL)
		err = fmt.Errorf("supervising process %d: the supervisor was ended: %w", s.pid, unexpectedEOF(err))
		return Status{Code: 137, Signal: syscall.SIGKILL}, err
	}
	return Status{Code: last.Code, Signal: syscall.Signal(last.Signal)}, nil
}

func unexpectedEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
