package classic

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
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
		own:    sandbox.Bind{Host: at("buildpack"), Inside: buildpackMount, Writable: true},
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
	if err != nil {
		return err
	}
	return os.Rename(unfinished, w.own.Host)
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

// giveApp moves the app to where the buildpack may do with it what it likes. The function that it returns moves
// it back.
func (w *workspace) giveApp() (takeBack func() error, err error) {
	name := path.Base(w.Build)
	w.build = sandbox.Bind{Host: filepath.Join(w.tmp.Host, name), Inside: w.Build, Writable: true}
	if err := os.Mkdir(w.build.Host, 0o755); err != nil {
		return nil, fmt.Errorf("making the build directory: %w", err)
	}
	app, err := beneath.Open(w.AppDir)
	if err != nil {
		return nil, fmt.Errorf("opening the app directory: %w", err)
	}
	tmp, err := beneath.Open(w.tmp.Host)
	if err != nil {
		return nil, errors.Join(err, app.Close())
	}
	build, err := tmp.Dir(name)
	if err == nil {
		err = errors.Join(moveAll(app, build), build.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("moving the app: %w", err), tmp.Close(), app.Close())
	}
	return func() error {
		defer app.Close()
		defer tmp.Close()
		build, err := tmp.Dir(name)
		if err != nil {
			return fmt.Errorf("opening the build directory: %w", beneath.Reason(err))
		}
		defer build.Close()
		return moveAll(build, app)
	}, nil
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

// binds are what the sandbox shows of the workspace. Where BUILD is in /tmp, it is there by itself.
func (w *workspace) binds() []sandbox.Bind {
	var list []sandbox.Bind
	if w.build.Writable {
		list = append(list, w.tmp)
	}
	if !w.build.Writable || path.Dir(w.Build) != tmpMount {
		list = append(list, w.build)
	}
	if w.Build != homeMount {
		list = append(list, w.home)
	}
	list = append(list, w.own, w.vars)
	if w.Cache != "" {
		list = append(list, w.cache())
	}
	return append(list, w.Binds...)
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

// missing reports whether the buildpack has no file of that name of its own: bin/release, export.
func (w *workspace) missing(name string) bool {
	own, err := beneath.Open(w.own.Host)
	if err != nil {
		return true
	}
	defer own.Close()
	_, err = own.Lstat(name)
	return errors.Is(err, fs.ErrNotExist) || strings.HasSuffix(name, "/")
}
