package ruby

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// rakefile holds the app's rake tasks.
type rakefile struct{ tasks map[string]bool }

var taskLine = lazyregexp.New(`(?m)^rake ([^\s\[]+)`)

// tasks lists the app's rake tasks. A Rakefile that can't be loaded is an error for a Rails app,
// because its assets depend on it. Other apps may have tasks that need gems of other groups.
func (b *work) tasks() error {
	b.rake = &rakefile{tasks: map[string]bool{}}
	if b.app.Rakefile == "" || !b.app.HasGem("rake") {
		return nil
	}
	b.taskEnv()
	b.before = b.look()
	var out bytes.Buffer
	tail, err := b.run(call{argv: []string{"bundle", "exec", "rake", "-P", "--trace"}, all: true, stdout: &out,
		script: true, quiet: true})
	if err == nil {
		for _, m := range taskLine.FindAllStringSubmatch(out.String(), -1) {
			b.rake.tasks[m[1]] = true
		}
		return nil
	}
	f, failed := errors.AsType[*command.Failure](err)
	if !failed {
		return err
	}
	if b.app.Kind != "rails" {
		b.Log.Detail("The tasks of %s are unknown because it can't be loaded: %s", b.app.Rakefile,
			command.Clip(errorLine(f), 200))
		return nil
	}
	for line := range strings.Lines(string(tail)) {
		b.Log.Detail("%s", strings.TrimRight(line, "\n"))
	}
	if d := diagnosis.Recognise(b.taskPatterns(), f.Tail); d != nil {
		return b.withStandIns(f.Diagnose(d, unknown("ruby/rakefile-broken")))
	}
	d := f.Diagnose(nil, unknown("ruby/rakefile-broken"))
	d.Summary, d.Place = "The Rakefile can't be loaded with the gems of the production group.", b.app.Rakefile
	d.Hints = append(
		[]string{"run `RAILS_ENV=production BUNDLE_WITHOUT=development:test bundle exec rake -P` " +
			"and fix what it reports"},
		d.Hints...)
	return b.withStandIns(d)
}

// withStandIns adds to the diagnosis of a task that failed what the build has set for it and the app's owner
// has not: the task may have failed over that.
func (b *work) withStandIns(err error) error {
	d, ok := errors.AsType[*diagnosis.Diagnosis](err)
	if !ok {
		return err
	}
	if b.standIn != "" {
		d.Hints = append(d.Hints, fmt.Sprintf("DATABASE_URL was a stand-in for this build, %s: set another with "+
			"--env DATABASE_URL=… if the app's adapter does not take it", b.standIn))
	}
	named := slices.ContainsFunc(d.Hints, func(hint string) bool { return strings.Contains(hint, "RAILS_MASTER_KEY") })
	if file := b.encrypted(); file != "" && b.env.user["RAILS_MASTER_KEY"] == "" && !named {
		d.Hints = append(
			d.Hints,
			fmt.Sprintf("%s can't be read in this build, so credentials are empty: set its key "+
				"with --env RAILS_MASTER_KEY=… if the task needs them", file),
		)
	}
	return d
}

// taskEnv adds to the gems' environment what the app's own tasks need. The secrets are dummies, so
// that no secret of the running app gets into the slug unless the build's configuration has it.
func (b *work) taskEnv() {
	b.env.fallback("RAILS_GROUPS", "assets")
	b.env.fallback("UV_USE_IO_URING", "0")
	b.env.fallback("NODE_OPTIONS", "--max_old_space_size=2560")
	if url := b.dummyDatabase(); url != "" && b.env.user["DATABASE_URL"] == "" {
		b.standIn = url
		b.env.fallback("DATABASE_URL", url)
	}
	if b.app.Kind == "rails" && b.env.user["SECRET_KEY_BASE"] == "" {
		if b.rails(7, 1) {
			b.env.fallback("SECRET_KEY_BASE_DUMMY", "1")
		} else {
			// always the same, so that builds are reproducible
			b.env.fallback("SECRET_KEY_BASE", strings.Repeat("0123456789abcdef", 8))
		}
	}
	if tree.IsDir(b.Path("bin")) {
		b.env.prepend("PATH", b.Path("bin"))
	}
}

// rails reports whether the app uses that version of Rails or a later one.
func (b *work) rails(major, minor int) bool { return atLeast(b.app.RailsVersion, major, minor) }

func atLeast(version string, wanted ...int) bool {
	if version == "" {
		return false
	}
	parts := strings.Split(version, ".")
	for i, want := range wanted {
		have := 0
		if i < len(parts) {
			have, _ = strconv.Atoi(parts[i])
		}
		if have != want {
			return have > want
		}
	}
	return true
}

func (b *work) glob(patterns ...string) (found []string) {
	for _, pattern := range patterns {
		names, _ := filepath.Glob(b.Path(pattern))
		found = append(found, names...)
	}
	return found
}
