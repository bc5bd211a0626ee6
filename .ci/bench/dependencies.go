package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// script measures builds of the big app with a build script after a change of one line, what they do to
// its dependencies, and the script alone.
func (b *bench) script() error {
	home, err := b.fillNPM()
	if err != nil {
		return err
	}
	app, tiny, alone := b.path("big"), b.path("tiny"), b.path("alone")
	err = errors.Join(b.writeNode(app, nodeApp{script: true}), b.writeNode(tiny, nodeApp{script: true, alone: true}))
	if err != nil {
		return err
	}
	first, err := b.build("", home, app)
	if err != nil {
		return err
	}
	if _, err := b.build("", home, tiny); err != nil {
		return err
	}
	if _, err := b.measure("", b.ours(home, "unpack", first.Slug.Path, alone)); err != nil {
		return err
	}
	deps := findDependencies(filepath.Join(home, "apps", "big"))
	if deps == "" {
		return errors.New("slugc keeps no dependencies of an app with a build script")
	}
	return b.alternate(b.rounds,
		step{[]string{scriptBuild, depsCost, depsNew, diskBeside}, func(round int) error {
			return b.withScript(home, app, tiny, deps, round)
		}},
		step{[]string{scriptAlone}, func(round int) error {
			if err := change(filepath.Join(alone, "greeting.js"), round); err != nil {
				return err
			}
			return b.shell(scriptAlone, alone, b.withNode(home), "npm run build")
		}},
		step{[]string{copyDeps}, func(int) error {
			copied := b.path("copied")
			if err := b.shell(copyDeps, b.work, nil, `cp -a "$1" "$2"`, deps, copied); err != nil {
				return err
			}
			return os.RemoveAll(copied)
		}},
	)
}

// withScript changes a line of the big app and of the tiny one, builds both, and notes what this did to
// the dependencies of the big one.
func (b *bench) withScript(home, app, tiny, deps string, round int) error {
	for _, dir := range []string{app, tiny} {
		if err := change(filepath.Join(dir, "greeting.js"), round); err != nil {
			return err
		}
	}
	before := map[uint64]bool{}
	if b.needs(depsNew) {
		inodes(deps, func(inode uint64) { before[inode] = true })
	}
	big, err := b.build(scriptBuild, home, app)
	if err != nil {
		return err
	}
	if b.needs(depsNew) {
		made := 0.
		inodes(findDependencies(filepath.Join(home, "apps", "big")), func(inode uint64) {
			if !before[inode] {
				made++
			}
		})
		b.value(depsNew, made)
	}
	if b.needs(depsCost) {
		small, err := b.build("", home, tiny)
		if err != nil {
			return err
		}
		b.value(depsCost, big.unpacked()-small.unpacked())
	}
	if b.needs(diskBeside) {
		// What all apps of the machine share is not beside the app.
		b.value(diskBeside, (diskOf(filepath.Join(home, "apps", "big"))-diskOf(deps)-slugs(home, "big"))/1e6)
	}
	return nil
}

// unpacked is how long a build took without packing, in seconds.
func (r result) unpacked() (seconds float64) {
	for _, phase := range r.Phases {
		if phase.Name != "pack" {
			seconds += phase.Seconds
		}
	}
	return seconds
}

// findDependencies is the directory of the big app's dependencies, wherever slugc keeps it.
func findDependencies(dir string) (found string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if _, err := os.Stat(filepath.Join(path, "moment", "package.json")); err == nil {
			found = path
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// inodes lists what is in a tree.
func inodes(dir string, see func(inode uint64)) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil {
			see(info.Sys().(*syscall.Stat_t).Ino)
		}
		return nil
	})
}

// diskOf is the disk that a tree takes in bytes, each file once.
func diskOf(dir string) (bytes float64) {
	seen := map[uint64]bool{}
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil {
			if stat := info.Sys().(*syscall.Stat_t); !seen[stat.Ino] {
				seen[stat.Ino] = true
				bytes += float64(stat.Blocks) * 512
			}
		}
		return nil
	})
	return bytes
}

// slugs is the disk that the slugs of an app take.
func slugs(home, app string) (bytes float64) {
	files, _ := filepath.Glob(filepath.Join(home, "apps", app, "slugs", "*"))
	for _, file := range files {
		bytes += diskOf(file)
	}
	return bytes
}
