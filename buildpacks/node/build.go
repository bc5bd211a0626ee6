package node

import (
	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/detect"
)

// work is one build under way.
type work struct {
	*language.Build
	app       *detect.NodeApp
	requires  []detect.Requirement
	assisting bool              // another buildpack is primary: no processes, nothing pruned
	buildOnly bool              // the running app needs neither Node nor the packages
	slices    map[string]string // the slices that the platform can supply: key by path
	env       *environment
	node      nodeRuntime
	manager   manager
	store     string // where the package manager keeps what it downloaded
	deps      dependencies
	installed map[string]manifest // what the install put into the framework caches, by their directory
	server    string              // the version of the server of static files, "" where it is not used
	home      string              // the home directory of the build, "" where it held something before
	named     []string            // the directories of cacheDirectories that are kept; nil until they are looked at
}

// start reads what the build is about: the app's facts, the plan, what the platform can supply.
func start(frame *language.Build) (*work, error) {
	config := frame.CNB.Platform.Environment
	b := &work{Build: frame, env: newEnvironment(frame.Environ, config), home: freshHome(frame.Environ)}
	b.Log.Hide(command.Secrets(config)...)
	if err := b.detect(); err != nil {
		return nil, err
	}
	for _, entry := range b.CNB.Plan.Entries {
		if assisting, _ := entry.Metadata["assisting"].(bool); entry.Name == planName && assisting {
			b.assisting = true
		}
	}
	if err := b.findBuildOnly(); err != nil {
		return nil, err
	}
	var err error
	if b.slices, err = extension.Slices(b.CNB.Platform.Path); err != nil {
		return nil, err
	}
	return b, nil
}

// detect asks the detector for the app's facts. It runs again after heroku-prebuild, which may
// write an .npmrc.
func (b *work) detect() error {
	found, err := b.Inspect(detect.ForNode)
	if err != nil {
		return err
	}
	b.requires = found.Requires
	b.app, _ = found.App.(*detect.NodeApp)
	if b.app != nil && b.app.Assisting {
		b.assisting = true
	}
	return nil
}
