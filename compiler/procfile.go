package compiler

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"slugc/cache/beneath"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
)

// readProcfile reads the Procfile of the app in a tree; none is an empty list. With warn, its warnings are
// reported.
func (b *build) readProcfile(root, member string, warn bool) ([]procfile.Process, error) {
	data, err := beneath.ReadLinked(root, path.Join(member, procfile.Name), procfile.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if large, ok := errors.AsType[*beneath.SizeError](err); ok {
		return nil, procfile.TooLarge(large.Size)
	}
	if err != nil {
		return nil, fault.AppError("procfile/unreadable", fmt.Errorf("reading \"Procfile\": %w", withoutPath(err)),
			"make Procfile a regular file, or remove it").At("Procfile")
	}
	file, err := procfile.Parse(data, b.Lenient)
	if err != nil {
		return nil, err
	}
	if warn {
		for _, w := range file.Warnings {
			b.Report.Warn(fmt.Sprintf("Procfile:%d: %s", w.Line, w.Text))
		}
	}
	return file.Processes, nil
}

// Misnamed returns the files that were meant to be the Procfile of the app in a source, if there is none.
func Misnamed(files fs.FS, member string) []string {
	entries, err := fs.ReadDir(files, path.Join(".", member))
	if err != nil {
		return nil // what reads the directory's files says it
	}
	var names []string
	for _, e := range entries {
		if e.Name() == procfile.Name {
			return nil
		}
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return procfile.Misnamed(names)
}

// MisnamedText warns of a file that [Misnamed] has found.
func MisnamedText(name string) string {
	return fmt.Sprintf("%q is not read; rename it to %q if its process types should run.", name, procfile.Name)
}

// processTypes are the app's process types: the Procfile's, then the buildpacks' defaults for types
// that it does not name. A build step may have written the Procfile, so it is read again. from says which of the two
// there was.
func (b *build) processTypes(
	staged Staged, group Group, built Built,
) (types []procfile.Process, from string, err error) {
	fromFile, err := b.readProcfile(staged.Dirs.AppDir, staged.Member, len(group.Procfile) == 0)
	if err != nil {
		return nil, "", err
	}
	types = procfile.Effective(procfile.Effective(fromFile, group.processes()), built.Layers.Processes)
	if len(types) == 0 {
		return nil, "", fault.AppError("procfile/no-process-types",
			errors.New("discovering process types: there is no Procfile and the buildpack knows no default"),
			"add a Procfile with a line such as `web: ./server --port $PORT`",
			"or give the app what its buildpack starts by default (a start script, a main package, a config.ru)",
		).At("Procfile")
	}
	if from = procfile.Name; len(fromFile) == 0 {
		from = "buildpack defaults"
	}
	return types, from, b.warnMissing(staged, built, fromFile)
}

// writeProfile puts the launch environment into the app, where Heroku's and other runners find it.
func writeProfile(appDir, script string) error {
	if script == "" {
		return nil
	}
	app, err := beneath.Open(appDir)
	if err != nil {
		return fmt.Errorf("opening the app directory: %w", err)
	}
	defer app.Close()
	if err = app.Mkdir(".profile.d", 0o755); err == nil {
		err = app.WriteFile(".profile.d/000_slugc.sh", []byte(script), 0o644)
	}
	if err != nil {
		return fault.AppError("source/profile-d",
			fmt.Errorf("writing the launch environment: .profile.d: %w", withoutPath(err)),
			"make .profile.d a directory, or rename it").At(".profile.d")
	}
	return nil
}

// withoutPath is why a file could not be read or written, without the path of slugc's own copy. That path
// stays where the machine is at fault.
func withoutPath(err error) error {
	if _, trouble := disk.TroubleOf(err); trouble {
		return err
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
