package push

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"slugc/compiler/fault"
	"slugc/compiler/source"
)

// Settings are what a repository's hooks are set up with. They are kept in the repository's own git
// configuration, under `slugc.`.
type Settings struct {
	App            string   `json:"app"`
	Branches       []string `json:"branches,omitempty"` // deploy branches, without refs/heads/; none: main and master
	Coordinator    string   `json:"coordinator,omitempty"`
	Store          string   `json:"store,omitempty"`
	Home           string   `json:"home"`                       // state directory
	EnvFile        string   `json:"env_file,omitempty"`         // build configuration
	ReleaseEnvFile string   `json:"release_env_file,omitempty"` // config vars of the release process
	// variables of slugc itself, for a git server whose environment lacks them
	SlugcEnvFile string   `json:"slugc_env_file,omitempty"`
	Submodules   []string `json:"submodules,omitempty"` // patterns of URLs that submodules may have
}

// fields are the settings and their keys below `slugc.`.
func (s *Settings) fields() map[string]*[]string {
	one := func(text *string) *[]string {
		if *text == "" {
			return &[]string{}
		}
		return &[]string{*text}
	}
	return map[string]*[]string{
		"app":         one(&s.App),
		"branch":      &s.Branches,
		"coordinator": one(&s.Coordinator),
		"store":       one(&s.Store),
		"home":        one(&s.Home),
		"envFile": one(
			&s.EnvFile,
		),
		"releaseEnvFile":  one(&s.ReleaseEnvFile),
		"slugcEnvFile":    one(&s.SlugcEnvFile),
		"allowSubmodules": &s.Submodules,
	}
}

// set takes a setting as git reports it, its key in lower case.
func (s *Settings) set(key, value string) {
	switch key {
	case "app":
		s.App = value
	case "branch":
		s.Branches = append(s.Branches, value)
	case "coordinator":
		s.Coordinator = value
	case "store":
		s.Store = value
	case "home":
		s.Home = value
	case "envfile":
		s.EnvFile = value
	case "releaseenvfile":
		s.ReleaseEnvFile = value
	case "slugcenvfile":
		s.SlugcEnvFile = value
	case "allowsubmodules":
		s.Submodules = append(s.Submodules, value)
	}
}

// branches are the deploy branches.
func (s *Settings) branches() []string {
	if len(s.Branches) > 0 {
		return s.Branches
	}
	return []string{"main", "master"}
}

// refs are the deploy branches as refs.
func (s *Settings) refs() (refs []string) {
	for _, b := range s.branches() {
		refs = append(refs, "refs/heads/"+b)
	}
	return refs
}

// Settings reads the repository's settings. An empty App says that slugc's hooks are not installed.
func (r *Repository) Settings(ctx context.Context) (s Settings, err error) {
	values, err := r.section(ctx, r.config(), `^slugc\.[a-z]+$`)
	for _, kv := range values {
		s.set(strings.TrimPrefix(kv[0], "slugc."), kv[1])
	}
	return s, err
}

func (r *Repository) config() string { return filepath.Join(r.Dir, "config") }

// section reads the keys of a configuration file that match a pattern, keys in lower case.
func (r *Repository) section(ctx context.Context, file, pattern string) (values [][2]string, err error) {
	out, err := r.output(ctx, nil, "config", "--file", file, "-z", "--get-regexp", pattern)
	if exited(err, 1) {
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
			continue // what it names is checked where it is used
		}
		if _, secret := u.User.Password(); secret {
			return fault.UsageError(
				"push/password-in-url",
				fmt.Errorf("keeping %q: a repository's configuration is no place for a password", u.Redacted()),
				"leave it out of the URL and name it in a file of --slugc-env-file, or in the git server's environment",
			)
		}
	}
	for _, pattern := range s.Submodules {
		if err := source.CheckPattern(pattern); err != nil {
			return err
		}
	}
	for _, b := range s.Branches {
		if _, err := r.output(ctx, nil, "check-ref-format", "refs/heads/"+b); err != nil {
			return fault.UsageError(
				"push/branch-name",
				fmt.Errorf("reading the deploy branch %q: no branch can be called so", b),
				"name a branch such as main, without refs/heads/",
			)
		}
	}
	for _, file := range []string{s.Home, s.EnvFile, s.ReleaseEnvFile, s.SlugcEnvFile} {
		if file != "" && !filepath.IsAbs(file) {
			return fault.UsageError(
				"push/relative-path",
				fmt.Errorf("keeping %q: a hook runs in another directory", file),
				"name an absolute path",
			)
		}
	}
	return nil
}

// edit changes the repository's configuration in one step, under git's own lock of it, so that no
// push sees half of the change. The file keeps its owner and mode.
func (r *Repository) edit(change func(set func(args ...string) error, file string) error) error {
	file, err := filepath.EvalSymlinks(r.config())
	if err != nil {
		return fmt.Errorf("changing the repository's configuration: %w", err)
	}
	temporary := file + ".lock"
	to, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault.TransientError(
			"push/configuration-locked",
			fmt.Errorf("changing the repository's configuration: %w", err),
			"try again when the other git has ended; if there is none, remove the file",
		)
	}
	defer os.Remove(temporary) // after the rename there is none
	err = copyFile(to, file)
	if err == nil {
		err = change(func(args ...string) error {
			_, err := r.output(context.Background(), nil, append([]string{"config", "--file", temporary}, args...)...)
			if exited(err, 5) {
				return nil // there was nothing to unset
			}
			return err
		}, temporary)
	}
	if err == nil {
		err = r.own(temporary, file)
	}
	if err == nil {
		err = os.Rename(temporary, file)
	}
	if err != nil {
		return fmt.Errorf("changing the repository's configuration: %w", err)
	}
	return nil
}

func copyFile(to *os.File, from string) error {
	defer to.Close()
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(to, f); err != nil {
		return err
	}
	return to.Sync()
}
