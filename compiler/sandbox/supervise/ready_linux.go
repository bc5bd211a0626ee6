package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Ready is a supervisor without a process.
type Ready struct {
	cmd     *exec.Cmd
	request *os.File // a socket
	control *os.File
	report  *os.File
}

// prepare starts a supervisor, see [Prepare].
func prepare(r Request) (*Ready, error) {
	isolation, err := json.Marshal(r.Isolation)
	if err != nil {
		return nil, err
	}
	var files [6]*os.File // request, control, report: read end, write end
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	for i, fd := range pair {
		files[i] = os.NewFile(uintptr(fd), "request")
	}
	for i := 2; i < len(files); i += 2 {
		if files[i], files[i+1], err = os.Pipe(); err != nil {
			closeAll(files[:i])
			return nil, err
		}
	}
	cmd := &exec.Cmd{
		Path: r.Self, Args: []string{r.Self, argHidden, argSupervise, string(isolation)}, Env: []string{}, Dir: "/",
		ExtraFiles:  []*os.File{files[0], files[2], files[5]},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: !r.Terminal},
	}
	err = cmd.Start()
	closeAll(cmd.ExtraFiles)
	if err != nil {
		closeAll([]*os.File{files[1], files[3], files[4]})
		return nil, err
	}
	return &Ready{cmd, files[1], files[3], files[4]}, nil
}

// Close ends the supervisor if it has no process. After that, and when it has been used, it does nothing.
func (r *Ready) Close() {
	closeAll([]*os.File{r.request, r.control, r.report})
	_ = r.cmd.Wait()
}

// maxPassed is how many files one message may have (SCM_MAX_FD in unix(7)).
const maxPassed = 253

// send sends the request and its files to the supervisor: one byte with the files, and JSON to the end.
func (r *Ready) send(req Request) error {
	defer r.request.Close()
	message := supervisorRequest{Request: req}
	var fds []int
	for i, f := range append([]*os.File{req.Stdin, req.Stdout, req.Stderr}, req.Inherit...) {
		if f == nil {
			continue
		}
		if i < len(message.Streams) {
			message.Streams[i] = true
		}
		fds = append(fds, int(f.Fd()))
	}
	if len(fds) > maxPassed {
		return fmt.Errorf("it would inherit %d files, more than %d", len(fds), maxPassed)
	}
	err := unix.Sendmsg(int(r.request.Fd()), []byte{0}, unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL)
	if err != nil {
		return err
	}
	return json.NewEncoder(r.request).Encode(message)
}

// errUnneeded is the error of a supervisor whose caller has no process for it, or has ended.
var errUnneeded = errors.New("no request")

// receive reads what send has sent: the request, and the files in their order.
func receive(socket *os.File) (req supervisorRequest, files []*os.File, err error) {
	first, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4*maxPassed))
	var n, size int
	for {
		n, size, _, _, err = unix.Recvmsg(int(socket.Fd()), first, rights, unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return req, nil, err
	}
	if n == 0 {
		return req, nil, errUnneeded
	}
	messages, err := unix.ParseSocketControlMessage(rights[:size])
	for _, m := range messages {
		fds, errRights := unix.ParseUnixRights(&m)
		err = errors.Join(err, errRights)
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	if err == nil {
		err = json.NewDecoder(socket).Decode(&req)
	}
	return req, files, err
}
