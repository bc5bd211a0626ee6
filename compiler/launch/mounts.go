package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
	"slugc/compiler/sandbox/supervise"
)

// appMount is where a slug with mounts is HOME, and where a sandboxed process sees any app, if the sandbox can mount.
// Absolute paths in a slug start with it.
const appMount = "/app"

// mountable says what of the app a process can see at an absolute path: all of it, or the directory of its layers.
// /workspace and /layers are those of other CNB platforms, on which some buildpacks insist.
var mountable = map[string]string{appMount: "", "/workspace": "", "/layers": layersName}

// layersName is the directory of the layers in an app.
const layersName = ".layers"

// CheckMounts returns a fault "launch/mounts" if a slug's mounts are not those that this package knows, with
// "/app" the first. None is right too.
func CheckMounts(mounts []string) error {
	var err error
	for i, at := range mounts {
		if _, known := mountable[at]; !known || (i == 0) != (at == appMount) {
			err = fmt.Errorf("reading the slug: it is to be seen at %q, which this slugc does not know", at)
		}
	}
	if err == nil {
		return nil
	}
	return fault.New(fault.Slugc, fault.ExitLaunch, "launch/mounts", err,
		"run it with the version of slugc that has built it")
}

// Place is a directory of the machine and where a process sees it.
type Place struct{ From, At string }

// Places returns where processes see the app in dir, by its mounts: HOME first, nothing for an app without mounts.
func Places(dir string, mounts []string) []Place {
	var list []Place
	for _, at := range mounts {
		list = append(list, Place{filepath.Join(dir, mountable[at]), at})
	}
	return list
}

// inside returns where the process sees the app.
func (o RunOptions) inside() string {
	if len(o.Mounts) > 0 {
		return appMount
	}
	return o.Dir
}

// launcherVariable names the binary that runs the programs of exec.d for the profile.
const launcherVariable = "SLUGC_LAUNCHER"

// launcherPlace is where the process sees the binary if its own path is below one of the mounts.
const launcherPlace = "/.slugc"

// hidden reports whether a path of the host is below one of the mounts.
func (o RunOptions) hidden(path string) bool {
	return slices.ContainsFunc(o.Mounts, func(at string) bool { return strings.HasPrefix(path, at+"/") })
}

// launcher returns the path of the slugc binary as the process sees it.
func (o RunOptions) launcher() string {
	if o.hidden(o.Self) {
		return launcherPlace
	}
	return o.Self
}

// ownDirs are the directories that a process finds in its own view of the app, whatever the slug holds.
func (o RunOptions) ownDirs() (places []string) {
	if o.Tmp != "" {
		places = append(places, filepath.Join(filepath.FromSlash(o.Directory), tmpName))
	}
	if len(o.Mounts) > 0 {
		places = append(places, layersName)
	}
	return places
}

// makeLayers makes the directory of the layers in an unpacked app that has none.
func makeLayers(dir string) error {
	app, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer app.Close()
	if err := app.Mkdir(layersName, 0o755); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// root returns the root directory in which the app is at its mounts, nil for an app without.
func (o *RunOptions) root() (*supervise.Root, error) {
	if len(o.Mounts) == 0 || o.linked {
		return nil, nil
	}
	if o.Self == "" {
		return nil, o.refusal(errors.New("slugc does not know the path of its own binary"))
	}
	if !o.Layers.inUse() {
		if err := makeLayers(o.Dir); err != nil {
			return nil, err
		}
	}
	r := &supervise.Root{Stage: o.Dir}
	for _, place := range Places(o.Dir, o.Mounts) {
		r.Binds = append(r.Binds, supervise.Bind{From: place.From, To: place.At})
	}
	if o.hidden(o.Self) {
		r.Binds = append(r.Binds, supervise.Bind{From: o.Self, To: launcherPlace})
	}
	return r, nil
}

// sandboxBinds are those that show a sandboxed process the app, at /app first.
func (o *RunOptions) sandboxBinds(box *sandbox.Sandbox) ([]sandbox.Bind, error) {
	binds := []sandbox.Bind{{Host: o.Dir, Inside: appMount, Writable: true}}
	if len(o.Mounts) == 0 {
		return binds, nil
	}
	self := box.Self()
	if box.Level() != sandbox.Bubblewrap {
		if err := o.link(errors.New("the sandbox is of level " + string(box.Level()))); err != nil || self == "" {
			return binds, err
		}
		return append(binds, sandbox.Bind{Host: self, Inside: self}), nil
	}
	if err := makeLayers(o.Dir); err != nil {
		return nil, err
	}
	for _, place := range Places(o.Dir, o.Mounts)[1:] {
		binds = append(binds, sandbox.Bind{Host: place.From, Inside: place.At, Writable: true})
	}
	if self != "" {
		binds = append(binds, sandbox.Bind{Host: self, Inside: launcherPlace})
	}
	return binds, nil
}

// link leads to the app from its mounts by links, because it cannot be mounted there: cause says why. The error is a
// fault "launch/no-mounts" if that cannot be done either; it is cause itself where no links are missing.
func (o *RunOptions) link(cause error) error {
	if len(o.Mounts) == 0 || o.linked {
		return cause
	}
	err := makeLayers(o.Dir)
	if err == nil {
		err = link(Places(o.Dir, o.Mounts))
	}
	if o.linked = err == nil; o.linked {
		return nil
	}
	return o.refusal(fmt.Errorf("%w, and no link can be made: %w", cause, err))
}

func (o *RunOptions) refusal(err error) error {
	return fault.New(fault.Slugc, fault.ExitLaunch, "launch/no-mounts",
		fmt.Errorf("running %q: the app must be at %s, because a buildpack has made it for these paths: %w",
			o.Command, strings.Join(o.Mounts, ", "), err),
		"permit slugc to mount: run it as root or with user namespaces, in a container with the capability SYS_ADMIN",
		"or let nothing be at these paths and run slugc as root, which then makes links there",
		"or run an image of the slug from an OCI registry, in which the paths are right")
}
