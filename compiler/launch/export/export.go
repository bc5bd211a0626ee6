// Package export writes a formation down for an init system, so that a slug's processes run under
// it without slugc: foreman's export.
//
//	systemd      APP.target, APP-TYPE.N.service, APP.env
//	upstart      APP.conf, APP-TYPE.conf, APP-TYPE-N.conf
//	supervisord  APP.conf
//	runit        APP-TYPE-N/{run,control/t,control/k,env/*,log/run}
//	launchd      APP-TYPE-N.plist
//
// [Export] is a function of its arguments: it reads and writes nothing. [Write] puts what it gave
// into a directory, over its own older files only.
//
// # What a unit runs
//
// The slug is unpacked at a directory of its own (Options.Root), now or later. A process starts
// there as [launch.Run] would start it: HOME, PWD, PORT, DYNO, PS and defaults of PATH and LANG,
// then the config vars; .profile.d/*.sh in the order of their bytes, .profile, and then `bash -c
// COMMAND`, or sh where there is no bash. The profiles are looked for when the process starts, so a
// unit outlives the slugs that are unpacked at the same place. What the init system adds to the
// environment of its own accord stays in it. A stop signal goes to all of a dyno's processes at
// once; the init systems here do that too, but launchd, which signals the first process alone. What
// has not ended after the timeout is killed, but by runit, which waits.
//
// # Values
//
// A command or value is written as the format has it, escaped. What the format cannot hold (control
// characters, in supervisord all that is not ASCII, and so on: see each format's plain) is written
// in printf's octal escapes, and the unit decodes it with the shell's own printf before it starts
// the process. So every byte but NUL arrives. Directories, users and names cannot be encoded so:
// what would not arrive is refused.
//
// Config vars may be secrets. They stand only in files that their owner alone can read: APP.env,
// runit's env directory, and whole units elsewhere.
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

// Options are a formation, and where it will run.
type Options struct {
	App       string             // names the units; of the form of [release.CheckApp]
	Processes []procfile.Process // all entries, in the Procfile's order, which the ports depend on
	Formation map[string]int     // type → how many; a type not in it is not run, and "release" never is
	BasePort  int                // as in [launch.Layout]
	Env       []string           // config vars, K=V; a later one wins
	Root      string             // where the slug is or will be unpacked: absolute
	Dir       string             // where the files will lie: absolute; systemd's units name it
	Log       string             // where logs go, for the formats that say so: absolute
	User      string             // whom the processes run as; "" leaves it to the init system
	Timeout   time.Duration      // from SIGTERM to SIGKILL, in whole seconds, at least one
}

// File is one file of an export.
type File struct {
	Path string      // relative to the directory, with slashes
	Mode fs.FileMode // permissions; what lies in a directory of private files makes it private
	Data []byte
}

// format is one init system's.
type format struct {
	plain    func(value string) bool // says that a value can be held as it is
	plainVar func(value string) bool // the same of a config var; nil for plain
	check    func(e *export) error   // of what only this format refuses; may be nil
	files    func(e *export) []File
	mine     func(app, name string) bool // says that a file or directory of this name may be of the app's export
	folds    bool                        // files are for a disk that takes capitals for small letters
}

var formats = map[string]format{
	"systemd": {plain: isText, check: checkSystemd, files: systemd, mine: systemdName},
	"upstart": {plain: isLine, files: upstart, mine: dashed(".conf")},
	"supervisord": {
		plain:    isASCII,
		plainVar: isSupervisordVar,
		check:    checkSupervisord,
		files:    supervisord,
		mine:     dashed(".conf"),
	},
	"runit":   {plain: isText, plainVar: isEnvdirVar, files: runit, mine: dashed("")},
	"launchd": {plain: isText, files: launchd, mine: dashed(".plist"), folds: true},
}

// Formats are the names of all formats, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// CheckFormat says whether there is a format of this name. Its error is a usage error.
func CheckFormat(name string) error {
	if _, known := formats[name]; !known {
		return fault.UsageError(
			"export/format",
			fmt.Errorf("exporting: there is no format %q", name),
			"there are: "+strings.Join(Formats(), ", "),
		)
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

// Export gives the files of an export, sorted by path. The same options give the same bytes. An
// error is a usage error that says what cannot be exported.
func Export(name string, o Options) ([]File, error) {
	if err := CheckFormat(name); err != nil {
		return nil, err
	}
	f := formats[name]
	instances, err := launch.Layout(o.Processes, o.Formation, o.BasePort)
	if err != nil {
		return nil, err
	}
	if f.plainVar == nil {
		f.plainVar = f.plain
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
	return files, checkClash(files, f.folds)
}

// private is the mode of a file that may hold a config var.
func (e *export) private() fs.FileMode {
	if len(e.units[0].vars) > 0 {
		return 0o600
	}
	return 0o644
}

// types are the process types that run, in order, each with its units.
func (e *export) types() (list [][]unit) {
	for i, u := range e.units {
		if i == 0 || u.Type != e.units[i-1].Type {
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], u)
	}
	return list
}

// dashed says of names APP-‹anything›END and APPEND that they may be an export's.
func dashed(end string) func(app, name string) bool {
	return func(app, name string) bool {
		return name == app+end || strings.HasPrefix(name, app+"-") && strings.HasSuffix(name, end)
	}
}
