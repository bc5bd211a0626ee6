// Package export writes the units of an init system for a formation, so that a slug's processes run without
// slugc, as `foreman export` does.
//
//	files, err := export.Export("systemd", export.Options{
//		App: "blog", Processes: types, Formation: map[string]int{"web": 2},
//		Root: "/srv/blog", Dir: "/etc/systemd/system", Log: "/var/log/blog",
//	})
//	changes, err := export.Write("/etc/systemd/system", "systemd", "blog", files, false)
//
// The formats and their files:
//
//	systemd      APP.target, APP-TYPE.N.service, APP.env
//	upstart      APP.conf, APP-TYPE.conf, APP-TYPE-N.conf
//	supervisord  APP.conf
//	runit        APP-TYPE-N/{run,control/t,control/k,env/*,log/run}
//	launchd      APP-TYPE-N.plist
//
// [Export] returns [File]s and depends on its arguments only. [Write] writes them into a directory, over its
// own older files only. The package does not load or start units.
//
// # What a unit runs
//
// The slug is unpacked in a directory of its own (Options.Root), now or later. A process starts there as
// package launch starts it: with HOME, PWD, PORT, DYNO, PS and defaults for PATH and LANG, then the config
// vars. It sources .profile.d/*.sh in the order of their bytes and .profile, and executes `bash -c COMMAND`,
// or sh where there is no bash. The unit lists the profiles when it starts, so it stays right when another
// slug is unpacked at the same place. Variables that the init system adds stay.
//
// systemd gives each process a directory of its own in the place of the app's tmp, RuntimeDirectory= and
// BindPaths= in systemd.exec(5). In the other formats processes share tmp, and PIDFILE names a file for each
// where the app has tmp/pids.
//
// A slug with Options.Mounts must be seen at /app, /workspace and /layers. systemd shows it there, by BindPaths=, which
// makes empty directories of these names where there are none. No other format can: [Export] refuses it
// ("export/mounts"), unless the slug lies unpacked in /app itself.
//
// A stop signal goes to all processes of a dyno at once. launchd is the exception: it signals the first
// process only. What has not ended after the timeout is killed. runit is the exception: it waits.
//
// # Values
//
// A command or value is escaped by the format's rules. What the format cannot hold (control characters, in
// supervisord all that is not ASCII; see each format's function literal) is written in printf's octal
// escapes, and the unit decodes it with the shell's printf before it starts the process. So every byte but
// NUL arrives. Directories, users and names cannot be encoded: [Export] refuses what would not arrive.
//
// Config vars may be secrets. They are only in files that their owner alone can read: APP.env, runit's env
// directory, and whole units in the other formats.
package export

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/procfile"
)

// Options are a formation and the place where it will run.
type Options struct {
	App       string             // names the units; see [release.CheckApp] for its form
	Processes []procfile.Process // all entries, in the Procfile's order, which the ports depend on
	Formation map[string]int     // instances by type; other types do not run, and "release" never does
	BasePort  int                // as in [launch.Layout]
	Env       []string           // config vars, K=V; a later one wins
	Root      string             // where the slug is or will be unpacked: absolute
	Directory string             // the app's directory below Root, see [launch.RunOptions]
	Mounts    []string           // where processes are to see the slug, see [launch.RunOptions]
	Self      string             // the slugc binary, for the programs of exec.d of a slug with Mounts: absolute
	Dir       string             // where the files will be: absolute; systemd's units name it
	Log       string             // directory of logs, for the formats that name one: absolute
	User      string             // user of the processes; "" is the init system's default
	Timeout   time.Duration      // from SIGTERM to SIGKILL, in whole seconds, at least one
}

// File is one file of an export.
type File struct {
	Path string      // relative to the directory, with slashes
	Mode fs.FileMode // permissions; a directory of private files is private too
	Data []byte
}

// format is one init system's.
type format struct {
	literal     func(value string) bool // reports whether the format can hold a value without encoding
	literalVar  func(value string) bool // the same for a config var; nil is literal
	check       func(e *export) error   // returns an error for what only this format refuses; may be nil
	files       func(e *export) []File
	owns        func(app, name string) bool // reports whether a file of this name may be of the app's export
	ignoresCase bool                        // the disk does not tell capitals from small letters
	mounts      bool                        // it can show a process a directory at another path
}

var formats = map[string]format{
	"systemd": {literal: isText, check: checkSystemd, files: systemd, owns: systemdName, mounts: true},
	"upstart": {literal: isLine, files: upstart, owns: appNames(".conf")},
	"supervisord": {
		literal:    isASCII,
		literalVar: isSupervisordVar,
		check:      checkSupervisord,
		files:      supervisord,
		owns:       appNames(".conf"),
	},
	"runit":   {literal: isText, literalVar: isEnvdirVar, files: runit, owns: appNames("")},
	"launchd": {literal: isText, files: launchd, owns: appNames(".plist"), ignoresCase: true},
}

// Formats returns the names of all formats, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// CheckFormat returns a usage error ("export/format") if there is no format of this name.
func CheckFormat(name string) error {
	if _, known := formats[name]; !known {
		return fault.UsageError("export/format", fmt.Errorf("exporting: there is no format %q", name),
			"there are: "+strings.Join(Formats(), ", "))
	}
	return nil
}

// export is one call of Export.
type export struct {
	Options
	format  string
	units   []unit
	seconds int // of the timeout
}

// Export returns the files of an export, sorted by path. The same options result in the same bytes. The
// error is a usage error, or an app error for a NUL and a clash of names.
func Export(name string, o Options) ([]File, error) {
	if err := CheckFormat(name); err != nil {
		return nil, err
	}
	f := formats[name]
	instances, err := launch.Layout(o.Processes, o.Formation, o.BasePort)
	if err != nil {
		return nil, err
	}
	if f.literalVar == nil {
		f.literalVar = f.literal
	}
	e := &export{Options: o, format: name, seconds: max(1, int((o.Timeout+time.Second-1)/time.Second))}
	if err := e.check(f); err != nil {
		return nil, err
	}
	for _, i := range instances {
		u := newUnit(e, f, i)
		if err := u.check(); err != nil {
			return nil, err
		}
		e.units = append(e.units, u)
	}
	files := f.files(e)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, checkClash(files, f.ignoresCase)
}

// unitMode returns the mode of a unit that holds the config vars.
func (e *export) unitMode() fs.FileMode {
	if len(e.units[0].vars) > 0 {
		return 0o600
	}
	return 0o644
}

// types returns the units of each process type that runs, in order.
func (e *export) types() (list [][]unit) {
	for i, u := range e.units {
		if i == 0 || u.Type != e.units[i-1].Type {
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], u)
	}
	return list
}

// appNames returns the owns function for the names APP‹end› and APP-‹anything›‹end›.
func appNames(end string) func(app, name string) bool {
	return func(app, name string) bool {
		return name == app+end || strings.HasPrefix(name, app+"-") && strings.HasSuffix(name, end)
	}
}
