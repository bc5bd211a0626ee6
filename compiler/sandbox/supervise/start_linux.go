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
	fdRequest = 3 // a socket: a byte with the process's files, and JSON to the end
	fdControl = 4 // signal numbers, one byte each; its end kills all
	fdReport  = 5 // two JSON reports: started, ended
)

// supervisorRequest is the request as the supervisor reads it. Of the files with it, the streams come first.
type supervisorRequest struct {
	Request
	Streams [3]bool `json:"streams"` // which of the standard streams are among the files
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
	ready := r.Ready
	if ready == nil {
		var err error
		if ready, err = Prepare(r); err != nil {
			return 0, nil, err
		}
	}
	errSend := ready.send(r)
	s := &supervised{
		cmd: ready.cmd, control: ready.control, report: ready.report, reports: json.NewDecoder(ready.report),
	}
	if err := s.readStarted(errSend); err != nil {
		s.control.Close()
		_ = s.cmd.Wait()
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
