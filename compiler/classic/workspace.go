package classic

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/cache/beneath"
	"slugc/cache/disk"
	"slugc/compiler/sandbox"
)

// workspace is what one buildpack sees of the machine.
type workspace struct {
	Config
	tmp, home, own, vars sandbox.Bind
	build                sandbox.Bind
	packages             []sandbox.Bind // what apt-get needs
}

// open makes the directories of a buildpack in Work. Those that are there from the detection stay.
func (c Config) open() (*workspace, error) {
	if c.Build == "" {
		c.Build = BuildPath("")
	}
	at := func(name string) string { return filepath.Join(c.Work, name) }
	if c.Home == "" {
		c.Home = at("home")
	}
	w := &workspace{
		Config: c,
		tmp:    sandbox.Bind{Host: at("tmp"), Inside: tmpMount, Writable: true},
		home:   sandbox.Bind{Host: c.Home, Inside: homeMount, Writable: true},
		own:    sandbox.Bind{Host: at("buildpack"), Inside: buildpacksMount + "/" + escaped(c.ID), Writable: true},
		vars:   sandbox.Bind{Host: at("env"), Inside: envMount},
	}
	for _, dir := range []string{w.tmp.Host, w.home.Host} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("making a build directory: %w", err)
		}
	}
	if err := w.copyBuildpack(); err != nil {
		return nil, fmt.Errorf("copying buildpack %s: %w", c.ID, err)
	}
	if err := w.writeVars(); err != nil {
		return nil, fmt.Errorf("writing build configuration: %w", err)
	}
	return w, nil
}

// copyBuildpack makes the private copy, unless the detection has made it.
func (w *workspace) copyBuildpack() error {
	if _, err := os.Lstat(w.own.Host); err == nil {
		return nil
	}
	unfinished := w.own.Host + ".unfinished"
	err := disk.RemoveAll(unfinished)
	if err == nil {
		err = os.CopyFS(unfinished, os.DirFS(w.Dir))
	}
	if err == nil {
		err = permitPrograms(unfinished)
	}
	if err != nil {
		return err
	}
	return os.Rename(unfinished, w.own.Host)
}

// permitPrograms makes the programs executable, as Heroku does: some buildpacks were committed without that.
func permitPrograms(dir string) error {
	own, err := beneath.Open(dir)
	if err != nil {
		return err
	}
	defer own.Close()
	for _, name := range programs {
		f, err := own.OpenFile("bin/" + name)
		if err != nil {
			continue // it is not there, or a link, and then as its target is
		}
		if err := errors.Join(f.Chmod(0o755), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// writeVars makes the directory of config vars. A name that no file can have is no variable's either.
func (w *workspace) writeVars() error {
	if err := disk.RemoveAll(w.vars.Host); err != nil {
		return err
	}
	if err := os.Mkdir(w.vars.Host, 0o700); err != nil {
		return err
	}
	for name, value := range w.Vars {
		if !isVariable(name) {
			continue
		}
		if err := os.WriteFile(filepath.Join(w.vars.Host, name), []byte(value), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// showApp makes the buildpack see AppDir as it is, read-only.
func (w *workspace) showApp() {
	w.build = sandbox.Bind{Host: w.AppDir, Inside: w.Build}
}

// giveApp gives the app to the buildpack. Where the sandbox can mount, it moves the app to a directory with which the
// buildpack may do what it likes; elsewhere the buildpack gets AppDir. The function that giveApp returns takes the
// app back.
func (w *workspace) giveApp() (takeBack func() error, err error) {
	if w.packages, err = sandbox.Packages(filepath.Join(w.Work, "apt")); err != nil {
		return nil, fmt.Errorf("making a build directory: %w", err)
	}
	app, err := beneath.Open(w.AppDir)
	if err != nil {
		return nil, fmt.Errorf("opening the app directory: %w", err)
	}
	w.build = sandbox.Bind{Host: w.AppDir, Inside: w.Build, Writable: true}
	if w.Sandbox.Path(w.build) == w.AppDir {
		return func() error { return errors.Join(checkReplaced(app), app.Close()) }, nil
	}
	tmp, err := beneath.Open(w.tmp.Host)
	if err != nil {
		return nil, errors.Join(err, app.Close())
	}
	name := path.Base(w.Build)
	w.build.Host = filepath.Join(w.tmp.Host, name)
	err = tmp.Mkdir(name, 0o755)
	if err == nil {
		err = moveApp(tmp, name, func(build *beneath.Dir) error { return moveAll(app, build) })
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("moving the app: %w", err), tmp.Close(), app.Close())
	}
	return func() error {
		err := moveApp(tmp, name, func(build *beneath.Dir) error { return moveAll(build, app) })
		return errors.Join(err, tmp.Close(), app.Close())
	}, nil
}

// checkReplaced returns an error if there is another directory now where the open one was.
func checkReplaced(app *beneath.Dir) error {
	is, err := beneath.Open(app.Path())
	if err != nil {
		return fmt.Errorf("opening the build directory: %w", beneath.Reason(err))
	}
	defer is.Close()
	old, errOld := app.Stat()
	now, err := is.Stat()
	if err = errors.Join(errOld, err); err == nil && !beneath.Is(old, now) {
		err = errors.New("the build directory is another one than before")
	}
	return err
}

// moveApp calls move with the open directory of that name in tmp.
func moveApp(tmp *beneath.Dir, name string, move func(build *beneath.Dir) error) error {
	build, err := tmp.Dir(name)
	if err != nil {
		return fmt.Errorf("opening the build directory: %w", beneath.Reason(err))
	}
	defer build.Close()
	return move(build)
}

// moveAll moves what is in a directory to another one, but for the layers.
func moveAll(from, to *beneath.Dir) error {
	entries, err := from.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name == layersName {
			continue
		}
		if err := from.Rename(e.Name, to, e.Name); err != nil {
			return err
		}
	}
	return nil
}

// binds are what the sandbox shows of the workspace. Where the app was moved to /tmp, it is there by itself.
func (w *workspace) binds() []sandbox.Bind {
	list := []sandbox.Bind{w.build}
	if w.moved() {
		list[0] = w.tmp
		if path.Dir(w.Build) != tmpMount {
			list = append(list, w.build)
		}
	}
	if w.Build != homeMount {
		list = append(list, w.home)
	}
	list = append(list, w.vars)
	if w.Cache != "" {
		list = append(list, w.cache())
	}
	// Another buildpack of the same id may have had its directory at the same place.
	return slices.Concat(list, w.packages, w.Binds, []sandbox.Bind{w.own})
}

// moved reports whether the buildpack has the app somewhere else than in AppDir.
func (w *workspace) moved() bool { return w.build.Host != w.AppDir }

// shown is what later buildpacks see of this one's directory.
func (w *workspace) shown() sandbox.Bind { return sandbox.Bind{Host: w.own.Host, Inside: w.own.Inside} }

// escaped is a buildpack's id as a name of a directory.
func escaped(id string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, id)
	return "bp-" + name
}

func (w *workspace) cache() sandbox.Bind {
	return sandbox.Bind{Host: w.Cache, Inside: cacheMount, Writable: true}
}

// checkCache returns an error if the way to the cache leads through a link, which an earlier buildpack may have
// put into the layers directory.
func (w *workspace) checkCache() error {
	rel, err := filepath.Rel(w.AppDir, w.Cache)
	if err != nil || !filepath.IsLocal(rel) {
		return err
	}
	app, err := beneath.Open(w.AppDir)
	if err != nil {
		return err
	}
	defer app.Close()
	cache, err := app.Dir(filepath.ToSlash(rel))
	if err != nil {
		return fmt.Errorf("opening the cache directory: %w", beneath.Reason(err))
	}
	return cache.Close()
}

// homePath is where the buildpack sees HOME.
func (w *workspace) homePath() string {
	if w.Build == homeMount {
		return w.Sandbox.Path(w.build)
	}
	return w.Sandbox.Path(w.home)
}

// isVariable reports whether a name is one that a shell can export.
func isVariable(name string) bool {
	for i, r := range name {
		if !(r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return name != ""
}

// missing reports whether the buildpack's directory has nothing of that name.
func (w *workspace) missing(name string) bool {
	own, err := beneath.Open(w.own.Host)
	if err != nil {
		return true
	}
	defer own.Close()
	_, err = own.Lstat(name)
	return beneath.Missing(err)
}
