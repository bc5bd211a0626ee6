package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slugc/compiler/sandbox/cgroup"
	"slugc/compiler/sandbox/supervise"
)

// Sandbox runs children at one level. Many goroutines may use it at once.
type Sandbox struct {
	level     Level
	reason    string
	bwrap     string
	noNesting bool // bubblewrap can deny user namespaces inside
	self      string
	temp      string
	groups    *cgroup.Hierarchy // where control groups can be made; nil for nowhere
	prepared  chan *prepared    // see Prepare
}

// ProbeOptions say which level is wanted and where its tools are.
type ProbeOptions struct {
	Want  Level  // "" is the best that works here
	Bwrap string // path of bubblewrap; "" looks in the system's directories
	// Self is the path of the slugc binary. With "" there is no Landlock and no limit of open files, and
	// level None does not end processes that have left the process group.
	Self string
	Temp string // parent of the children's temporary directories, below level bubblewrap; "" is /tmp
	// Memory is a file that keeps what was found, for a day and as long as the machine is the same; "" is
	// none. Nobody but this process's user may write it.
	Memory string
}

// The limits of a trial run. That of processes makes it use a control group.
const (
	probeTimeout   = 20 * time.Second
	probeProcesses = 256
)

// Probe returns a sandbox at the best level, or at the wanted one, that can run a child on this machine.
// The error says why the wanted level does not work, or is the context's cause. Probe also marks the files
// that this process has inherited, so that no child inherits them.
func Probe(ctx context.Context, o ProbeOptions) (*Sandbox, error) {
	if o.Temp == "" {
		o.Temp = "/tmp"
	}
	s := o.recall()
	if s == nil {
		var err error
		if s, err = probe(ctx, o); err != nil {
			return nil, err
		}
		o.remember(s)
	}
	s.prepared = make(chan *prepared, 1)
	return s, nil
}

// probe tries the levels.
func probe(ctx context.Context, o ProbeOptions) (*Sandbox, error) {
	var reasons []string
	for _, level := range []Level{Bubblewrap, Landlock, None} {
		if o.Want != "" && o.Want != level {
			continue
		}
		s := &Sandbox{level: level, reason: strings.Join(reasons, "; "), self: o.Self, temp: o.Temp}
		if o.Self != "" {
			s.groups = cgroup.Find()
		}
		err := s.probe(ctx, o)
		if err != nil && s.groups != nil && context.Cause(ctx) == nil {
			s.groups = nil // the kernel may permit to make groups and not to enter them
			err = s.probe(ctx, o)
		}
		if err == nil {
			return s, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		reasons = append(reasons, err.Error())
	}
	switch {
	case len(reasons) == 0:
		return nil, fmt.Errorf("probing the sandbox: there is no level %q (there are %q, %q and %q)",
			o.Want, Bubblewrap, Landlock, None)
	case o.Want != "":
		return nil, fmt.Errorf("probing the sandbox: level %q does not work here: %s", o.Want, reasons[0])
	}
	return nil, fmt.Errorf("probing the sandbox: no level works here: %s", strings.Join(reasons, "; "))
}

// Level returns the level found.
func (s *Sandbox) Level() Level { return s.level }

// Reason says why a better level does not work, in clauses: "bubblewrap is not installed". It is "" at the
// best level and when this level was wanted.
func (s *Sandbox) Reason() string { return s.reason }

// Self returns the path of the slugc binary that it was probed with.
func (s *Sandbox) Self() string { return s.self }

// Path returns where a child sees what b binds.
func (s *Sandbox) Path(b Bind) string {
	if s.level == Bubblewrap {
		return b.Inside
	}
	return b.Host
}

func (s *Sandbox) start(
	spec Spec, std stdio, isolation *supervise.Isolation, ready *supervise.Ready,
) (c child, err error) {
	if s.level == Bubblewrap {
		c, err = s.startBwrap(spec, std, isolation, ready)
	} else {
		c, err = s.startSupervised(spec, std, isolation, ready)
	}
	if err != nil && ready != nil {
		ready.Close()
	}
	return c, err
}

func (s *Sandbox) probe(ctx context.Context, o ProbeOptions) error {
	switch s.level {
	case Bubblewrap:
		return s.probeBwrap(ctx, o)
	case Landlock:
		return s.probeLandlock(ctx)
	}
	if out, err := s.runScript(ctx, ":"); err != nil {
		return fmt.Errorf("running a child: %s", firstLine(out, err))
	}
	return nil
}

func (s *Sandbox) probeBwrap(ctx context.Context, o ProbeOptions) error {
	for _, path := range o.candidates() {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			s.bwrap = path
			break
		}
	}
	if s.bwrap == "" {
		return errors.New("bubblewrap is not installed")
	}
	closeInherited()
	// Denying namespaces inside needs bubblewrap 0.8. An older one fails on the option.
	s.noNesting = true
	out, err := s.runScript(ctx, ":")
	if err != nil {
		s.noNesting = false
		out, err = s.runScript(ctx, ":")
	}
	if err == nil {
		return nil
	}
	for _, sign := range []string{"setting up uid map", "namespace", "No permissions", "RTM_NEWADDR"} {
		if strings.Contains(out, sign) {
			return errors.New("user namespaces are not permitted")
		}
	}
	return fmt.Errorf("bubblewrap does not work: %s", firstLine(out, err))
}

func (s *Sandbox) probeLandlock(ctx context.Context) error {
	if s.self == "" {
		return errors.New("landlock needs the path of the slugc binary")
	}
	if err := supportsLandlock(); err != nil {
		return err
	}
	secret, err := os.MkdirTemp(s.temp, "slugc-probe-")
	if err != nil {
		return fmt.Errorf("landlock could not be tried: %w", err)
	}
	defer os.RemoveAll(secret)
	path := filepath.Join(secret, "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return fmt.Errorf("landlock could not be tried: %w", err)
	}
	script := `if (: <"$1") 2>/dev/null; then echo "it does not restrict reading"; exit 1; fi`
	if out, err := s.runScript(ctx, script, path); err != nil {
		return fmt.Errorf("landlock does not work: %s", firstLine(out, err))
	}
	return nil
}

// runScript runs a shell script as a child and returns its output.
func (s *Sandbox) runScript(ctx context.Context, script string, args ...string) (string, error) {
	var out bytes.Buffer
	err := s.Run(ctx, Spec{
		Args: append([]string{"/bin/sh", "-c", script, "sh"}, args...), Dir: "/", Env: []string{"PATH=/usr/bin:/bin"},
		Stdout: &out, Stderr: &out, Limits: Limits{Deadline: probeTimeout, Log: 64 << 10, Processes: probeProcesses},
	})
	return out.String(), err
}

func firstLine(out string, err error) string {
	if line, _, _ := strings.Cut(strings.TrimSpace(out), "\n"); line != "" {
		return line
	}
	return err.Error()
}

// ChildMain must be the first call in the main function of the binary [ProbeOptions].Self. When args, which
// are os.Args, are those of a process that this package has started, it does that process's work and exits.
// Otherwise it returns at once.
func ChildMain(args []string) { supervise.Main(args) }
