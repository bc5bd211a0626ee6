package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"slugc/cache"
	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// coordinatorPlace is where the coordinator is that the flag or the environment names: a cluster, a
// file, or the usual file.
type coordinatorPlace struct {
	cluster *etcd.Config
	file    string // "": the usual one
}

func (c *cli) coordinatorPlace() (coordinatorPlace, error) {
	name := c.coordinator
	if name == "" {
		name = c.env.vars["SLUGC_COORDINATOR"]
	}
	if name == "" || name == "local" {
		return coordinatorPlace{}, nil
	}
	if strings.HasPrefix(name, "etcd://") {
		config, err := etcd.ParseURL(name, c.env.vars)
		return coordinatorPlace{cluster: &config}, err
	}
	u, err := url.Parse(name)
	if err != nil || u.Scheme != "local" || u.Host != "" || u.Path == "" {
		return coordinatorPlace{}, fault.UsageError(
			"usage/coordinator",
			fmt.Errorf("choosing the coordinator: %q is not one", name),
			"use local, local:///path/to/file.db or etcd://host1,host2,host3/prefix",
		)
	}
	return coordinatorPlace{file: u.Path}, nil
}

// shared is a cluster's handle that all of a command's parts have in common: closing it is the
// command's.
type shared struct {
	coordinator.Coordinator
	coordinator.StaleReader
	coordinator.Locker
}

func (shared) Close() error { return nil }

// coordinators holds the command's connection to a cluster.
type coordinators struct {
	mu   sync.Mutex
	open coordinator.Coordinator // nil: none was needed yet
}

// openCoordinator opens the coordinator. It dials nothing.
func (c *cli) openCoordinator(home *cache.Home) (coordinator.Coordinator, error) {
	place, err := c.coordinatorPlace()
	if err != nil {
		return nil, err
	}
	if place.cluster == nil {
		if place.file == "" {
			place.file = home.Path("coordinator.db")
		}
		return local.Open(place.file, local.Options{})
	}
	c.cluster.mu.Lock()
	defer c.cluster.mu.Unlock()
	if c.cluster.open == nil {
		if c.cluster.open, err = etcd.Open(*place.cluster); err != nil {
			return nil, err
		}
	}
	handle := shared{Coordinator: c.cluster.open}
	handle.StaleReader, _ = c.cluster.open.(coordinator.StaleReader)
	handle.Locker, _ = c.cluster.open.(coordinator.Locker)
	return handle, nil
}

// closeCoordinator ends the command's connection to a cluster.
func (c *cli) closeCoordinator() {
	c.cluster.mu.Lock()
	defer c.cluster.mu.Unlock()
	if c.cluster.open != nil {
		_ = c.cluster.open.Close() // all that was asked of it is done
		c.cluster.open = nil
	}
}

// builders returns what opens the lock that several builder machines share, nil where this machine
// is alone.
func (c *cli) builders(home *cache.Home) func(context.Context) (coordinator.Locker, error) {
	if place, err := c.coordinatorPlace(); err != nil || place.cluster == nil {
		return nil
	}
	return func(context.Context) (coordinator.Locker, error) {
		handle, err := c.openCoordinator(home)
		if err != nil {
			return nil, err
		}
		if locker, ok := handle.(coordinator.Locker); ok {
			return locker, nil
		}
		return nil, errors.New("the coordinator has no locks")
	}
}

// releases opens the releases of the coordinator.
func (c *cli) releases(home *cache.Home, o release.Options) (*release.Releases, func(), error) {
	coord, err := c.openCoordinator(home)
	if err != nil {
		return nil, nil, err
	}
	return release.New(coord, o), func() { _ = coord.Close() }, nil
}

// withReleases runs a command's body over the coordinator's releases.
func (c *cli) withReleases(body func(r *release.Releases) error) error {
	return c.overReleases(release.Options{}, body)
}

// readReleases is withReleases for bodies that only show things: without a quorum they get what
// there is, and the user is told.
func (c *cli) readReleases(body func(r *release.Releases) error) error {
	warn := sync.OnceFunc(func() { c.ui.Warn("the coordinator has no quorum: what follows may be out of date") })
	return c.overReleases(release.Options{OnStale: warn}, body)
}

func (c *cli) overReleases(o release.Options, body func(r *release.Releases) error) error {
	home, err := c.openHome()
	if err != nil {
		return err
	}
	r, done, err := c.releases(home, o)
	if err != nil {
		return err
	}
	defer done()
	return body(r)
}

// examineCoordinator says for `slugc doctor` whether the coordinator answers.
func (c *cli) examineCoordinator(ctx context.Context, home *cache.Home) finding {
	place, err := c.coordinatorPlace()
	if err != nil {
		return finding{"coordinator", false, err.Error()}
	}
	name := "local, " + home.Path("coordinator.db")
	if place.cluster != nil {
		name = place.cluster.String()
	} else if place.file != "" {
		name = "local, " + place.file
	}
	handle, err := c.openCoordinator(home)
	if err != nil {
		return finding{"coordinator", false, err.Error()}
	}
	defer handle.Close()
	const any = "/names/a"
	began := time.Now()
	if _, err = handle.Get(ctx, any); err == nil {
		return finding{
			"coordinator",
			true,
			fmt.Sprintf("%s answers in %v", name, time.Since(began).Round(100*time.Microsecond)),
		}
	}
	said := err.Error()
	if s, ok := handle.(coordinator.StaleReader); ok {
		if _, err := s.Stale().Get(ctx, any); err == nil {
			said += "; a member answers, without a quorum"
		}
	}
	return finding{"coordinator", false, said}
}
