package push

import (
	"context"
	"path/filepath"

	"slugc/compiler/fault"
)

// Status describes a repository's hooks and pushes.
type Status struct {
	Repository string            `json:"repository"`
	Installed  bool              `json:"installed"`
	Settings   *Settings         `json:"settings,omitempty"`
	Hooks      map[string]string `json:"hooks"` // by name: installed, missing, or foreign
	Settled    []Outcome         `json:"settled"`
	Pushes     []*Record         `json:"pushes"`          // under way, or waiting to be settled
	Branches   []Branch          `json:"branches"`        // deploy branches that exist
	Current    int               `json:"current"`         // version of the current release; 0: none
	Commit     string            `json:"commit"`          // of the current release
	Error      string            `json:"error,omitempty"` // why the coordinator could not be asked
}

// Branch is a deploy branch and the commit it names.
type Branch struct {
	Name   string `json:"name"`
	Commit string `json:"commit"`
}

// Status settles what can be settled and describes the rest.
func (h *Hook) Status(ctx context.Context) (*Status, error) {
	s := &Status{
		Repository: h.Repo.Dir,
		Installed:  h.Settings.App != "",
		Hooks:      map[string]string{},
		Settled:    []Outcome{},
		Branches:   []Branch{},
	}
	dir, err := h.Repo.hooks(ctx)
	if err != nil {
		return nil, err
	}
	for _, hook := range hookNames {
		if s.Hooks[hook], err = hookState(filepath.Join(dir, hook)); err != nil {
			return nil, err
		}
	}
	if !s.Installed {
		return s, nil
	}
	s.Settings = &h.Settings
	settled, unreachable := h.Settle(ctx)
	s.Settled = append(s.Settled, settled...)
	if s.Pushes, err = h.Repo.Pushes(); err != nil {
		return nil, err
	}
	for _, b := range h.Settings.DeployBranches() {
		commit, err := h.Repo.refValue(ctx, "refs/heads/"+b)
		if err != nil {
			return nil, err
		}
		if commit != "" {
			s.Branches = append(s.Branches, Branch{b, commit})
		}
	}
	now, err := h.current(ctx)
	if unreachable == nil {
		unreachable = err
	}
	if unreachable != nil {
		s.Error = fault.Of(unreachable).Error()
	} else if now != nil {
		s.Current, s.Commit = now.Version, now.Commit
	}
	return s, nil
}

func hookState(path string) (string, error) {
	ours, err := isOurs(path)
	switch {
	case err != nil:
		return "", err
	case ours:
		return "installed", nil
	case stat(path) != nil:
		return "foreign", nil
	}
	return "missing", nil
}
