package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"slugc/buildpacks/shell"
	"slugc/cache/digest"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/slug"
)

// appSlug is the slug that an argument SLUG|APP names.
type appSlug struct {
	app       string // "" for a file and a directory
	dirName   string // of a directory: what its app would be called
	version   int    // of the app's release
	file      string
	types     []procfile.Process
	manifest  *slug.Manifest
	formation map[string]int // nil for a file
	env       []string       // what processes learn of the release, K=V; none of a file
	config    release.Config // the app's own config vars; none of a file
}

// find returns the slug that SLUG|APP|DIR names. A name with a slash, "." and "..", or that of an existing file
// is a file or a directory; everything else is an app. A directory is built, and nothing is registered.
func (c *cli) find(ctx context.Context, name string) (*appSlug, error) {
	n := &appSlug{file: name}
	var want digest.Digest
	var known *digest.Known
	if isSource(name) {
		if err := c.buildDir(ctx, name, n); err != nil {
			return nil, err
		}
	} else if !isFile(name) {
		c.settlePushes(ctx, name)
		var ref release.SlugRef
		err := c.readReleases(func(r *release.Releases) error {
			current, err := r.Current(ctx, name)
			if err != nil {
				return err
			}
			n.app, n.version, n.env, ref = name, current.Version, current.Environment(name), current.Slug
			if n.config, err = r.ConfigOf(ctx, name, current.Version); err != nil {
				return err
			}
			n.formation, err = r.Formation(ctx, name)
			return err
		})
		if err != nil {
			return nil, err
		}
		home, err := c.openHome()
		if err != nil {
			return nil, err
		}
		want, known = ref.Digest, home.Digests()
		if n.file, err = c.fetch(ctx, home, name, ref); err != nil {
			return nil, err
		}
	}
	m, err := slug.Inspect(n.file)
	if err != nil {
		return nil, err
	}
	n.types, n.manifest = m.ProcessTypes, m
	return n, launch.CheckDigest(known, n.file, want)
}

// isFile reports whether SLUG|APP|DIR names a file or a directory.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return strings.ContainsRune(name, '/') || name == "." || name == ".." || err == nil && !info.IsDir()
}

// isSource reports whether SLUG|APP|DIR names a directory. The name of an app may be that of a directory too, so
// a directory has a slash in it, or dots only.
func isSource(name string) bool {
	info, err := os.Stat(name)
	return isFile(name) && err == nil && info.IsDir()
}

// buildDir builds the app in a directory as `slugc build` does, and registers nothing.
func (c *cli) buildDir(ctx context.Context, dir string, n *appSlug) error {
	engine, err := c.engine()
	if err != nil {
		return err
	}
	f := buildFlags{procfile: "strict", limit: defaultLimit, timeout: deadline, idle: idle, noRegister: true}
	req, err := c.buildRequest(ctx, f, []string{dir})
	if err != nil {
		return err
	}
	result, err := engine.Compile(ctx, req)
	if err != nil {
		return err
	}
	n.file, n.dirName = result.Slug.Path, req.App
	return nil
}

// sourceDir returns the directory whose .env run and start read: DIR itself, else the working directory.
func sourceDir(name string) string {
	if isSource(name) {
		return name
	}
	return "."
}

// counts returns how many of each type to run: spec, else the app's own formation, else one each.
func (n *appSlug) counts(spec string) (map[string]int, error) {
	if spec == "" && n.formation != nil {
		return n.formation, nil
	}
	if spec == "" {
		spec = "all=1"
	}
	return launch.ParseFormation(spec, n.types)
}

// unpackedSlug is a slug in a directory of its own, for run and start.
type unpackedSlug struct {
	*appSlug
	*launch.Unpacked
	self string
}

// open finds the slug that SLUG|APP|DIR names and unpacks it.
func (c *cli) open(cmd *cobra.Command, name string) (*unpackedSlug, error) {
	self, err := selfPath()
	if err != nil {
		return nil, err
	}
	home, err := c.openHome()
	if err != nil {
		return nil, err
	}
	found, err := c.find(cmd.Context(), name)
	if err != nil {
		return nil, err
	}
	s := &unpackedSlug{appSlug: found, self: self}
	defer c.ui.close()
	s.Unpacked, err = launch.Unpack(cmd.Context(), s.file, launch.UnpackOptions{
		Runs: home.Path("run"), Trees: home.Path("trees"), Self: self, Known: home.Digests(), Progress: c.unpacking,
	})
	if err != nil {
		return nil, err
	}
	if err := s.Label(s.app); err != nil {
		s.Remove()
		return nil, err
	}
	return s, nil
}

// unpack unpacks a slug and shows its progress.
func (c *cli) unpack(ctx context.Context, file, dir string) error {
	defer c.ui.close()
	return slug.Unpack(ctx, file, dir, slug.UnpackOptions{Progress: c.unpacking})
}

func (c *cli) unpacking(done, total int64) { c.ui.Progress("unpacking", done, total) }

func (c *cli) runCommand() *cobra.Command {
	var f processFlags
	cmd := &cobra.Command{
		Use:   "run SLUG|APP|DIR [TYPE | -- CMD…]",
		Short: "Run one process of a slug, of an app's current release or of a directory, as a dyno would",
		Long: `Run unpacks the slug into a directory of its own, sources .profile.d/*.sh and .profile, and runs the
process type (default: web, or else the one that a buildpack declares the default) or the command with
HOME and the working directory in the app. Signals go to the whole process group; the exit code is the
process's. A directory, such as . or ./blog, is built first, as slugc build does it, and not registered.`,
		Example: `  slugc run blog                      the web process of the current release
  slugc run ./blog.tgz worker
  slugc run blog -- node -e 'console.log(process.version)'`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := f.config(c, cmd, sourceDir(args[0]))
			if err != nil {
				return err
			}
			port, named, err := f.portOf(c, cmd, config)
			if err != nil {
				return err
			}
			s, err := c.open(cmd, args[0])
			if err != nil {
				return err
			}
			defer s.Remove()
			o := launch.RunOptions{
				Self:   s.self,
				Dir:    s.Dir,
				Mounts: s.Mounts,
				Layers: s.Layers,
				Env:    c.environ(config, s.appSlug),
				Dyno:   fmt.Sprintf("run.%d", os.Getpid()),
				Stdin:  os.Stdin,
				Stdout: os.Stdout,
				Stderr: os.Stderr,
				Grace:  30 * time.Second,
			}
			typ, err := s.choose(&o, cmd.ArgsLenAtDash(), args)
			if err == nil {
				err = c.checkSlug(s.appSlug, map[string]int{typ: 1}, o.Env)
			}
			if err != nil {
				return err
			}
			if named || o.Dyno == "web.1" {
				o.Port = port
			}
			if isTerminal(os.Stdin) && isTerminal(os.Stdout) {
				o.Terminal = c.env.vars["TERM"]
			}
			o.Signals, o.Kill = c.passSignals(o.Terminal != "")
			c.exit, err = launch.Run(context.WithoutCancel(cmd.Context()), o)
			return err
		},
	}
	f.flags(cmd.Flags(), "PORT", " (default: .env of the working directory)")
	return cmd
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// passSignals ends slugc's own handling of signals: from now on they go to the processes it runs. A
// second SIGINT or SIGTERM kills them at once. Processes that share the terminal get its SIGINT and
// SIGQUIT from the terminal itself. SIGWINCH stops the workers of some web servers, so that of a terminal's
// new size is not passed on.
func (c *cli) passSignals(terminal bool) (<-chan os.Signal, <-chan struct{}) {
	c.release()
	caught, pass, kill := make(chan os.Signal, 8), make(chan os.Signal, 8), make(chan struct{})
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1,
		syscall.SIGUSR2)
	if !slices.ContainsFunc([]*os.File{os.Stdin, os.Stdout, os.Stderr}, isTerminal) {
		signal.Notify(caught, syscall.SIGWINCH)
	}
	go func() {
		stops := 0
		for sig := range caught {
			if terminal && (sig == os.Interrupt || sig == syscall.SIGQUIT) {
				continue
			}
			if sig == os.Interrupt || sig == syscall.SIGTERM {
				if stops++; stops == 2 {
					close(kill)
				}
			}
			pass <- sig
		}
	}()
	return pass, kill
}

// choose sets the command to run: a process type's, which it returns, or the one after --.
func (s *unpackedSlug) choose(o *launch.RunOptions, dash int, args []string) (typ string, err error) {
	if dash == 1 && len(args) > 1 {
		o.Command = shell.Command(args[1:]...)
		return "", nil
	}
	if len(args) > 2 || dash > 1 {
		return "", fault.UsageError("usage/arguments",
			fmt.Errorf("reading the arguments: there is one too many, %q", args[2]),
			"to run a command, write `slugc run "+args[0]+" -- CMD…`")
	}
	index := func(typ string) int {
		return slices.IndexFunc(s.types, func(p procfile.Process) bool { return p.Type == typ })
	}
	typ = "web"
	if len(args) == 2 {
		typ = args[1]
	} else if own := s.manifest.DefaultProcess; index(typ) < 0 && own != "" {
		typ = own
	}
	i := index(typ)
	if i < 0 {
		var known []string
		for _, p := range s.types {
			known = append(known, p.Type)
		}
		return "", fault.UsageError("run/unknown-type",
			fmt.Errorf("running %q: the slug has no such process type", typ),
			"there are: "+strings.Join(known, ", "), "to run a command, write `slugc run "+args[0]+" -- "+typ+"`")
	}
	o.Command = s.types[i].Command
	if typ == "web" || len(s.Mounts) > 0 { // buildpacks of others make settings for one process type
		o.Dyno = typ + ".1"
	}
	return typ, nil
}
