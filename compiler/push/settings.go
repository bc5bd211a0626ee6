package push

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/source"
)

// Settings are the settings of a repository's hooks. They are kept in the repository's own git
// configuration, under `slugc.`.
type Settings struct {
	App            string   `json:"app"`
	Branches       []string `json:"branches,omitempty"` // deploy branches, without refs/heads/; none: see Install
	Subdir         string   `json:"subdir,omitempty"`   // the app's directory in the repository; none: all of it
	Coordinator    string   `json:"coordinator,omitempty"`
	Store          string   `json:"store,omitempty"`
	Home           string   `json:"home"`                       // state directory
	EnvFile        string   `json:"env_file,omitempty"`         // build configuration
	ConfigVars     []string `json:"config_vars,omitempty"`      // names of the app's own config vars that builds get
	ReleaseEnvFile string   `json:"release_env_file,omitempty"` // config vars of the release process
	// SlugcEnvFile has variables of slugc itself, for a git server whose environment lacks them.
	SlugcEnvFile string   `json:"slugc_env_file,omitempty"`
	Submodules   []string `json:"submodules,omitempty"` // patterns of URLs that submodules may have
	Sandbox      string   `json:"sandbox,omitempty"`    // level of the sandbox; none: the best, but not level none
	Network      string   `json:"network,omitempty"`    // which steps of a build have the network; none: all
	// Buildpacks build every push, as --buildpack of slugc build names them; none: the app's files and detection.
	Buildpacks []string `json:"buildpacks,omitempty"`
	Stack      string   `json:"stack,omitempty"` // what buildpacks are told; none: this machine's distribution
	// Memory, Pids and Disk are limits of a build, as the flags of slugc build are written.
	Memory string `json:"memory,omitempty"`
	Pids   string `json:"pids,omitempty"`
	Disk   string `json:"disk,omitempty"`
}

// textKeys and listKeys are the keys of the settings below `slugc.`, as they are written. git
// reports them in lower case.
func (s *Settings) textKeys() map[string]*string {
	return map[string]*string{
		"app":            &s.App,
		"subdir":         &s.Subdir,
		"coordinator":    &s.Coordinator,
		"store":          &s.Store,
		"home":           &s.Home,
		"envFile":        &s.EnvFile,
		"releaseEnvFile": &s.ReleaseEnvFile,
		"slugcEnvFile":   &s.SlugcEnvFile,
		"sandbox":        &s.Sandbox,
		"network":        &s.Network,
		"stack":          &s.Stack,
		"memory":         &s.Memory,
		"pids":           &s.Pids,
		"disk":           &s.Disk,
	}
}

func (s *Settings) listKeys() map[string]*[]string {
	return map[string]*[]string{
		"branch": &s.Branches, "allowSubmodules": &s.Submodules, "configVar": &s.ConfigVars, "buildpack": &s.Buildpacks,
	}
}

// values are the values of each key; a setting that is not set has none.
func (s *Settings) values() map[string][]string {
	values := map[string][]string{}
	for key, text := range s.textKeys() {
		values[key] = nil
		if *text != "" {
			values[key] = []string{*text}
		}
	}
	for key, list := range s.listKeys() {
		values[key] = *list
	}
	return values
}

// set takes a value as git reports it, its key in lower case. It ignores unknown keys.
func (s *Settings) set(key, value string) {
	for name, text := range s.textKeys() {
		if strings.EqualFold(name, key) {
			*text = value
		}
	}
	for name, list := range s.listKeys() {
		if strings.EqualFold(name, key) {
			*list = append(*list, value)
		}
	}
}

// defaultBranches are the deploy branches where no others are set.
var defaultBranches = []string{"main", "master"}

// DeployBranches returns the deploy branches, without refs/heads/.
func (s *Settings) DeployBranches() []string {
	if len(s.Branches) > 0 {
		return s.Branches
	}
	return defaultBranches
}

// addHead sets the deploy branches of a repository whose HEAD names another branch than the usual ones: that
// branch and those. Where branches are named, they stay.
func (s *Settings) addHead(ctx context.Context, r *Repository) error {
	if len(s.Branches) > 0 {
		return nil
	}
	head, err := r.output(ctx, nil, "symbolic-ref", "--quiet", "HEAD")
	if exitedWith(err, 1) {
		return nil // it names a commit
	}
	branch, ok := strings.CutPrefix(head, "refs/heads/")
	if err == nil && ok && !slices.Contains(defaultBranches, branch) {
		s.Branches = append([]string{branch}, defaultBranches...)
	}
	return err
}

// refs are the deploy branches as refs.
func (s *Settings) refs() (refs []string) {
	for _, b := range s.DeployBranches() {
		refs = append(refs, "refs/heads/"+b)
	}
	return refs
}

// Settings reads the repository's settings. App is empty if slugc's hooks are not installed.
func (r *Repository) Settings(ctx context.Context) (s Settings, err error) {
	values, err := r.section(ctx, r.config(), `^slugc\.[a-z]+$`)
	for _, kv := range values {
		s.set(strings.TrimPrefix(kv[0], "slugc."), kv[1])
	}
	return s, err
}

func (r *Repository) config() string { return filepath.Join(r.Dir, "config") }

// section reads the keys of a configuration file that match a pattern, and their values. The keys
// are in lower case.
func (r *Repository) section(ctx context.Context, file, pattern string) (values [][2]string, err error) {
	out, err := r.output(ctx, nil, "config", "--file", file, "-z", "--get-regexp", pattern)
	if exitedWith(err, 1) {
		return nil, nil
	}
	for entry := range strings.SplitSeq(out, "\x00") {
		if key, value, ok := strings.Cut(entry, "\n"); ok {
			values = append(values, [2]string{key, value})
		}
	}
	return values, err
}

// check refuses settings that cannot work, with "push/password-in-url", "push/branch-name" and
// "push/relative-path".
func (s *Settings) check(ctx context.Context, r *Repository) error {
	for _, address := range []string{s.Coordinator, s.Store} {
		u, err := url.Parse(address)
		if err != nil {
			continue // whoever uses it checks it
		}
		if _, secret := u.User.Password(); secret {
			return fault.UsageError("push/password-in-url",
				fmt.Errorf("keeping %q: a repository's configuration is no place for a password", u.Redacted()),
				"leave it out of the URL and name it in a file of --slugc-env-file, or in the git server's environment")
		}
	}
	for _, pattern := range s.Submodules {
		if err := source.CheckPattern(pattern); err != nil {
			return err
		}
	}
	if err := source.CheckSubdir(s.Subdir); err != nil {
		return err
	}
	for _, b := range s.Branches {
		if _, err := r.output(ctx, nil, "check-ref-format", "refs/heads/"+b); err != nil {
			return fault.UsageError("push/branch-name",
				fmt.Errorf("reading the deploy branch %q: no branch can have this name", b),
				"name a branch such as main, without refs/heads/")
		}
	}
	for _, file := range []string{s.Home, s.EnvFile, s.ReleaseEnvFile, s.SlugcEnvFile} {
		if file != "" && !filepath.IsAbs(file) {
			return fault.UsageError("push/relative-path",
				fmt.Errorf("keeping %q: a hook runs in another directory", file), "name an absolute path")
		}
	}
	return nil
}

// setter runs `git config --file` with its arguments on the file that edit changes.
type setter func(args ...string) error

// edit changes the repository's configuration in one step, under git's own lock, so that no push
// reads half of the change. change is called with a copy of the configuration, which then replaces
// it. The file keeps its owner and mode.
func (r *Repository) edit(ctx context.Context, change func(set setter, file string) error) error {
	file, err := filepath.EvalSymlinks(r.config())
	if err != nil {
		return fmt.Errorf("changing the repository's configuration: %w", err)
	}
	lock := file + ".lock" // the name that git uses
	err = disk.CopyFile(file, lock, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.TransientError("push/configuration-locked",
			fmt.Errorf("changing the repository's configuration: %w", err),
			"try again when the other git has ended; if there is none, remove the file")
	}
	defer os.Remove(lock) // after the rename there is none
	if err == nil {
		err = change(func(args ...string) error {
			_, err := r.output(context.WithoutCancel(ctx), nil, append([]string{"config", "--file", lock}, args...)...)
			if exitedWith(err, 5) {
				return nil // there was nothing to unset
			}
			return err
		}, lock)
	}
	if err == nil {
		err = r.chownLike(lock, file)
	}
	if err == nil {
		err = os.Rename(lock, file)
	}
	if err != nil {
		return fmt.Errorf("changing the repository's configuration: %w", err)
	}
	return nil
}
