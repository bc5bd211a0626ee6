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

	"slugc/compiler/sandbox/supervise"
)

// Sandbox runs children at the level that was found. It holds no state that changes, and is for
// many goroutines at once.
type Sandbox struct {
	level     Level
	reason    string
	bwrap     string
	noNesting bool // bubblewrap can forbid user namespaces inside
	self      string
	temp      string
}

// ProbeOptions say where the means are and which level is wanted.
type ProbeOptions struct {
	Want  Level  // "" is the best that works here
	Bwrap string // path of bubblewrap; "" looks in the system's directories
	// path of the slugc binary; "" leaves out Landlock, the limit of open files and, at level None,
	// whatever leaves the process group
	Self string
	Temp string // where children's temporary directories are made below bubblewrap; "" is /tmp
}

// probing is how long a trial run may take.
const probing = 20 * time.Second

// Probe finds the best level, or the wanted one, by really running a child at it. It fails when the
// wanted level does not work, with the reason, and when the context ends. It also marks what files
// this process has inherited as not to be inherited further.
func Probe(ctx context.Context, o ProbeOptions) (*Sandbox, error) {
	if o.Temp == "" {
		o.Temp = "/tmp"
	}
	var reasons []string
	for _, level := range []Level{Bubblewrap, Landlock, None} {
		if o.Want != "" && o.Want != level {
			continue
		}
		s := &Sandbox{level: level, reason: strings.Join(reasons, "; "), self: o.Self, temp: o.Temp}
		err := s.probe(ctx, o)
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
		return nil, fmt.Errorf(
			"probing the sandbox: there is no level %q (there are %q, %q and %q)",
			o.Want,
			Bubblewrap,
			Landlock,
			None,
		)
	case o.Want != "":
		return nil, fmt.Errorf("probing the sandbox: level %q does not work here: %s", o.Want, reasons[0])
	}
	return nil, fmt.Errorf("probing the sandbox: no level works here: %s", strings.Join(reasons, "; "))
}

// Level returns the level found.
func (s *Sandbox) Level() Level { return s.level }

// Reason says why it is not a better level, each reason a clause: "bubblewrap is not installed". It
// is "" at the best level and when this level was asked for.
func (s *Sandbox) Reason() string { return s.reason }

// Path returns where a child sees what b binds.
func (s *Sandbox) Path(b Bind) string {
	if s.level == Bubblewrap {
		return b.Inside
	}
	return b.Host
}

func (s *Sandbox) start(spec Spec, std stdio) (child, error) {
	if s.level == Bubblewrap {
		return s.startBwrap(spec, std)
	}
	return s.startLower(spec, std)
}

func (s *Sandbox) probe(ctx context.Context, o ProbeOptions) error {
	switch s.level {
	case Bubblewrap:
		return s.probeBwrap(ctx, o)
	case Landlock:
		return s.probeLandlock(ctx)
	}
	if out, err := s.try(ctx, ":"); err != nil {
		return fmt.Errorf("running a child: %s", firstLine(out, err))
	}
	return nil
}

func (s *Sandbox) probeBwrap(ctx context.Context, o ProbeOptions) error {
	candidates := []string{o.Bwrap}
	if o.Bwrap == "" {
		candidates = []string{"/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"}
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			s.bwrap = path
			break
		}
	}
	if s.bwrap == "" {
		return errors.New("bubblewrap is not installed")
	}
	keepFiles()
	// Forbidding namespaces inside needs bubblewrap 0.8; an older one refuses the option.
	s.noNesting = true
	out, err := s.try(ctx, ":")
	if err != nil {
		s.noNesting = false
		out, err = s.try(ctx, ":")
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
		return errors.New("Landlock needs the path of the slugc binary")
	}
	if err := supportsLandlock(); err != nil {
		return err
	}
	secret, err := os.MkdirTemp(s.temp, "slugc-probe-")
	if err != nil {
		return fmt.Errorf("Landlock could not be tried: %w", err)
	}
	defer os.RemoveAll(secret)
	path := filepath.Join(secret, "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return fmt.Errorf("Landlock could not be tried: %w", err)
	}
	if out, err := s.try(ctx, `if (: <"$1") 2>/dev/null; then echo "it does not restrict reading"; exit 1; fi`, path); err != nil {
		return fmt.Errorf("Landlock does not work: %s", firstLine(out, err))
	}
	return nil
}

// try runs a shell script as a child and returns what it writes.
func (s *Sandbox) try(ctx context.Context, script string, args ...string) (string, error) {
	var out bytes.Buffer
	err := s.Run(ctx, Spec{
		Args: append([]string{"/bin/sh", "-c", script, "sh"}, args...), Dir: "/", Env: []string{"PATH=/usr/bin:/bin"},
		Stdout: &out, Stderr: &out, Limits: Limits{Deadline: probing, Log: 64 << 10},
	})
	return out.String(), err
}

func firstLine(out string, err error) string {
	if line, _, _ := strings.Cut(strings.TrimSpace(out), "\n"); line != "" {
		return line
	}
	return err.Error()
}

// ChildMain does the work of a child when args (the process's arguments, with its name) are those
// of one, and then ends the process. The binary given as ProbeOptions.Self calls it first thing.
func ChildMain(args []string) { supervise.Main(args) }
