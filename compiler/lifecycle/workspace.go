package lifecycle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/cache/beneath"
)

// Names that buildpacks see.
const (
	layersName    = ".layers" // of the layers directory, in the app directory
	planFile      = "plan.toml"
	launchName    = "launch.toml"
	buildName     = "build.toml"
	storeName     = "store.toml"
	diagnosisFile = "diagnosis.json"
	finishedFile  = "finished"
)

// workspace holds the directories of one buildpack. What a buildpack may write is not given to the next:
// each has its own.
type workspace struct {
	base   string       // holds the others on the host
	plan   string       // holds the plan; read-only for the buildpack
	report string       // the buildpack writes a diagnosis there
	home   string       // HOME
	layers *beneath.Dir // the buildpack's layers directory
	aside  *beneath.Dir // holds the files of launch-only layers; the buildpack does not see it
}

// open makes the workspace of the buildpack with that index.
func (b *builder) open(index int, m Member) (_ *workspace, err error) {
	base := filepath.Join(b.Work, strconv.Itoa(index))
	w := &workspace{
		base: base,
		plan: filepath.Join(base, "plan"), report: filepath.Join(base, "report"), home: filepath.Join(base, "home"),
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	aside := filepath.Join(base, "aside")
	for _, dir := range []string{base, w.plan, w.report, w.home, aside} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, fmt.Errorf("making a build directory: %w", err)
		}
	}
	if w.aside, err = beneath.Open(aside); err != nil {
		return nil, err
	}
	// An earlier buildpack may have put a link or a file there.
	if err := b.layers.Mkdir(m.Escaped(), 0o755); err != nil {
		return nil, brokenOutput(m, fmt.Errorf("making its layers directory: %w", beneath.Reason(err)))
	}
	if w.layers, err = b.layers.Dir(m.Escaped()); err != nil {
		return nil, brokenOutput(m, fmt.Errorf("opening its layers directory: %w", beneath.Reason(err)))
	}
	return w, nil
}

// close closes the open directories.
func (w *workspace) close() {
	for _, dir := range []*beneath.Dir{w.layers, w.aside} {
		if dir != nil {
			dir.Close()
		}
	}
}

// writePlan writes the buildpack plan.
func (w *workspace) writePlan(plan libcnb.BuildpackPlan) error {
	data, err := toml.Marshal(plan)
	if err == nil {
		err = os.WriteFile(filepath.Join(w.plan, planFile), data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the buildpack plan: %w", err)
	}
	return nil
}

// checkReplaced returns an error if the layers directory or the buildpack's own is no longer the one that
// slugc made.
func (b *builder) checkReplaced(m Member, w *workspace) error {
	for name, made := range map[string]*beneath.Dir{
		layersName: b.layers, filepath.Join(layersName, m.Escaped()): w.layers,
	} {
		want, err := made.Stat()
		is, errIs := b.app.Lstat(name)
		if err = errors.Join(err, errIs); err == nil && !beneath.Is(is, want) {
			err = errors.New("it is another file or directory than before")
		}
		if err != nil {
			return fmt.Errorf("opening the layers directory %q: %w", name, beneath.Reason(err))
		}
	}
	return nil
}
