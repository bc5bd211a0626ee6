// Package program says why a program of a buildpack has failed: by the end of its output, its last line, and the
// interpreter that the machine lacks.
//
//	out := &program.Tail{To: os.Stderr}
//	err := box.Run(ctx, sandbox.Spec{Args: program.Start("/cnb/bin/build", "/layers"), Stdout: out, Stderr: out, …})
//	exit, ok := errors.AsType[*sandbox.ExitError](err)
//	err = program.Because("running bin/build of acme/cobol", exit, out.String())
//	// running bin/build of acme/cobol: exited with code 3: no main.cbl
package program

import (
	"io"
	"sync"
)

// Tail passes a program's output on and keeps its end. It is safe for concurrent use.
type Tail struct {
	To  io.Writer // nil for nowhere
	mu  sync.Mutex
	end []byte
}

// tailSize is how much of the output is kept, in bytes: it need only hold the last error.
const tailSize = 16 << 10

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.end = append(t.end, p...)
	t.end = append(t.end[:0], t.end[max(0, len(t.end)-tailSize):]...)
	t.mu.Unlock()
	if t.To == nil {
		return len(p), nil
	}
	return t.To.Write(p)
}

// String returns the end of the output.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}
