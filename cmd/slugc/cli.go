package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"slugc/compiler/fault"
)

// cli is one run of the command.
type cli struct {
	ui          *ui
	env         environment
	asJSON      bool
	home        string
	coordinator string
	store       string
	cluster     clusterConnection
	sandbox     string
	network     string
	exit        int    // exit code of the process that slugc ran, which slugc ends with too
	release     func() // ends slugc's own handling of signals
	started     bool   // a command's work has begun; an error before that is a usage error
}

func newCLI() *cli { return &cli{ui: newUI(os.Stdout, os.Stderr), env: processEnvironment()} }

func (c *cli) root() *cobra.Command {
	var showVersion bool
	root := &cobra.Command{
		Use:   "slugc",
		Short: "Compile apps into slugs and register them as releases",
		Long: `slugc turns a Ruby, Node.js, Go or Clojure source tree into a runnable, reproducible slug and
registers the slug's Procfile as a numbered release. No Docker, no daemon.`,
		Example: `  slugc build .                     build the app in this directory and release it
  slugc detect .                    say what it is, and why
  slugc run blog web                run one process of the current release
  slugc start blog                  run its whole formation
  slugc start blog --follow         run it, and switch to every new release
  slugc logs blog -t                show the output of its processes
  slugc export systemd blog DIR     write unit files for an init system
  slugc config set blog TZ=UTC      set a config var
  slugc releases blog               list its releases
  slugc rollback blog v3            make an old slug current again`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if showVersion {
				return c.ui.result("slugc " + version)
			}
			return cmd.Help()
		},
	}
	// Not cobra's own flag: its template would link text/template, whose reflection keeps 6 MB of
	// methods in the binary that nothing calls.
	root.Flags().BoolVar(&showVersion, "version", false, "print the version")
	c.globalFlags(root)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fault.UsageError("usage/flag", err, "see `"+cmd.CommandPath()+" --help`")
	})
	root.AddCommand(c.commands()...)
	c.markStart(root)
	return root
}

// globalFlags adds the flags of every command.
func (c *cli) globalFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&c.home, "home", "",
		"state directory (default $SLUGC_HOME, else $XDG_STATE_HOME/slugc, else ~/.local/state/slugc)")
	flags.StringVar(&c.coordinator, "coordinator", "",
		"coordinator: local, local:///FILE or etcd://HOST[,HOST…]/PREFIX (default $SLUGC_COORDINATOR, else local)")
	flags.StringVar(&c.store, "store", "",
		"slug store URL: file, s3 or oci (default $SLUGC_STORE, else slugs stay in the state directory)")
	flags.StringVar(&c.sandbox, "sandbox", "",
		"bubblewrap, landlock or none (default $SLUGC_SANDBOX, else the best that works)")
	flags.BoolVarP(&c.ui.quiet, "quiet", "q", false, "print nothing but warnings, errors and the result")
	flags.BoolVar(&c.ui.plain, "plain", false, "no colour and no live progress, also on a terminal")
}

// commands are slugc's commands.
func (c *cli) commands() []*cobra.Command {
	return []*cobra.Command{
		c.buildCommand(),
		c.detectCommand(),
		c.inspectCommand(),
		c.verifyCommand(),
		c.unpackCommand(),
		c.registerCommand(),
		c.appsCommand(),
		c.releasesCommand(),
		c.rollbackCommand(),
		c.scaleCommand(),
		c.psCommand(),
		c.configCommand(),
		c.runCommand(),
		c.startCommand(),
		c.logsCommand(),
		c.exportCommand(),
		c.hookCommand(),
		c.execDCommand(),
		c.cacheCommand(),
		c.buildpacksCommand(),
		c.schemaCommand(),
		c.doctorCommand(),
		c.versionCommand(),
	}
}

// markStart makes every command check the settings and the app's name first and record that its work
// has begun.
func (c *cli) markStart(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := checkNames(cmd, args); err != nil {
				return err
			}
			if err := c.checkSettings(); err != nil {
				return err
			}
			c.started = true
			return run(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		c.markStart(child)
	}
}

// jsonFlag adds --json to a command.
func (c *cli) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "print the result as one JSON document")
}

// result prints the command's one result: v as JSON with --json, else line.
func (c *cli) result(v any, line string) error {
	if !c.asJSON {
		return c.ui.result(line)
	}
	return c.document(v)
}

// document prints v as the one JSON document.
func (c *cli) document(v any) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	return c.ui.document(b.String())
}

// conclude prints the error, if there is one, and returns the exit code.
func (c *cli) conclude(ctx context.Context, err error) int {
	c.ui.close()
	c.ui.endForeign()
	if err == nil {
		return c.exit
	}
	if errors.Is(context.Cause(ctx), errInterrupted) {
		c.ui.errorf("interrupted")
		return fault.ExitInterrupted
	}
	f := fault.Of(err)
	if _, owned := errors.AsType[*fault.Error](err); !owned && !c.started {
		f = fault.UsageError("usage/arguments", err, "see `slugc --help`")
	}
	c.ui.fault(f)
	if c.asJSON {
		// If stdout is closed, the error is on stderr already.
		_ = c.document(map[string]any{"error": map[string]any{
			"id": f.ID, "message": f.Error(), "place": f.Place, "hints": f.Hints, "owner": f.Owner, "exit": f.Code}})
	}
	return f.Code
}

// argumentList returns the arguments that a command's usage line names.
func argumentList(cmd *cobra.Command) string {
	if _, list, ok := strings.Cut(cmd.Use, " "); ok {
		return list
	}
	return "none"
}

// usageArgs turns the error of an argument check into a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return fault.UsageError(
				"usage/arguments",
				fmt.Errorf("reading the arguments: %d given, where `%s` takes %s", len(args), cmd.CommandPath(),
					argumentList(cmd)),
				"see `"+cmd.CommandPath()+" --help`",
			)
		}
		return nil
	}
}
