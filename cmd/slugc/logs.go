package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"slugc/cache/logs"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
)

// recorder returns a function that writes the lines of an app's processes into its logs, and one that
// ends that. For "" (a slug file) nothing is written. speaker names slugc in its own lines.
func (c *cli) recorder(
	app, speaker string,
) (record func(version int, name string, own bool, line []byte), done func(), err error) {
	if app == "" {
		return func(int, string, bool, []byte) {}, func() {}, nil
	}
	home, err := c.openHome()
	if err != nil {
		return nil, nil, err
	}
	state, err := home.App(app)
	if err != nil {
		return nil, nil, err
	}
	w, err := logs.Open(state.Path("logs"), logs.Options{})
	if err != nil {
		return nil, nil, fault.New(fault.Slugc, fault.ExitCache, "cache/state-directory", err,
			"let slugc's user write to the state directory, or use another with --home DIR")
	}
	record = func(version int, name string, own bool, line []byte) {
		r := logs.Record{Release: version, Source: logs.App, Process: name, Text: string(line)}
		if own {
			r.Source = logs.Slugc
		}
		if name == launch.System {
			r.Process = speaker
		}
		w.Write(r)
	}
	return record, func() {
		if err := w.Close(); err != nil {
			c.ui.Warn(err.Error())
		}
	}, nil
}

func (c *cli) logsCommand() *cobra.Command {
	var tail bool
	var number int
	var process string
	cmd := &cobra.Command{
		Use:   "logs APP",
		Short: "Show the output of an app's processes on this machine",
		Long: "Logs shows the output of the processes that `slugc start APP` ran, with and without --follow,\n" +
			"and slugc's own remarks. The last 50 MB are kept.",
		Example: `  slugc logs blog
  slugc logs blog -n 1000 --ps worker
  slugc logs blog -t --ps web.1`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if number < 0 {
				return fault.UsageError("usage/flag", fmt.Errorf("reading --num: %d is below zero", number),
					"write -n 100")
			}
			home, err := c.openHome()
			if err != nil {
				return err
			}
			app, err := home.App(args[0])
			if err != nil {
				return err
			}
			r := logs.NewReader(
				app.Path("logs"),
				func(r logs.Record) bool { return process == "" || of(process, r.Process) },
			)
			defer r.Close()
			last, err := r.Last(number)
			if err != nil {
				return err
			}
			for _, record := range last {
				if err := c.ui.output(record.String()); err != nil {
					return err
				}
			}
			if !tail {
				return nil
			}
			return r.Follow(
				cmd.Context(),
				func(record logs.Record) error { return c.ui.output(record.String()) },
			)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&tail, "tail", "t", false, "keep showing new lines, until ^C")
	flags.IntVarP(&number, "num", "n", 100, "how many earlier lines to show")
	flags.StringVar(&process, "ps", "", "only lines of a process type (web) or a process (web.1)")
	return cmd
}

// of reports whether a process is the wanted one, or of the wanted type.
func of(want, process string) bool {
	typ, _, _ := strings.Cut(process, ".")
	return process == want || typ == want
}
