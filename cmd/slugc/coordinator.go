package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
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

// coordinatorAddress is the coordinator that the flag or the environment names: a cluster, a file, or
// the default file.
type coordinatorAddress struct {
	cluster *etcd.Config
	file    string // "": the default
}

func (c *cli) coordinatorAddress() (coordinatorAddress, error) {
	name := c.coordinator
	if name == "" {
		name = c.env.vars["SLUGC_COORDINATOR"]
	}
	if name == "" || name == "local" {
		return coordinatorAddress{}, nil
	}
	if strings.HasPrefix(name, "etcd://") {
		config, err := etcd.ParseURL(name, c.env.vars)
		return coordinatorAddress{cluster: &config}, err
	}
	u, err := url.Parse(name)
	if err != nil || u.Scheme != "local" || u.Host != "" || u.Path == "" {
		return coordinatorAddress{}, fault.UsageError("usage/coordinator",
			fmt.Errorf("choosing the coordinator: %q is not one", name),
			"use local, local:///path/to/file.db or etcd://host1,host2,host3/prefix")
	}
	return coordinatorAddress{file: u.Path}, nil
}

// sharedHandle is the one connection to a cluster that all parts of a command use. Only the command
// closes it.
type sharedHandle struct {
	coordinator.Coordinator
	coordinator.StaleReader
	coordinator.Locker
}

func (sharedHandle) Close() error { return nil }

// clusterConnection holds the command's connection to a cluster.
type clusterConnection struct {
	mu   sync.Mutex
	open coordinator.Coordinator // nil until it is needed
}

// openCoordinator opens the coordinator. It dials nothing.
func (c *cli) openCoordinator(home *cache.Home) (coordinator.Coordinator, error) {
	address, err := c.coordinatorAddress()
	if err != nil {
		return nil, err
	}
	if address.cluster == nil {
		if address.file == "" {
			address.file = home.Path("coordinator.db")
		}
		return local.Open(address.file, local.Options{})
	}
	c.cluster.mu.Lock()
	defer c.cluster.mu.Unlock()
	if c.cluster.open == nil {
		if c.cluster.open, err = etcd.Open(*address.cluster); err != nil {
			return nil, err
		}
	}
	handle := sharedHandle{Coordinator: c.cluster.open}
	handle.StaleReader, _ = c.cluster.open.(coordinator.StaleReader)
	handle.Locker, _ = c.cluster.open.(coordinator.Locker)
	return handle, nil
}

// closeCoordinator ends the command's connection to a cluster.
func (c *cli) closeCoordinator() {
	c.cluster.mu.Lock()
	defer c.cluster.mu.Unlock()
	if c.cluster.open != nil {
		_ = c.cluster.open.Close() // everything is done by now
		c.cluster.open = nil
	}
}

// builders returns a function that opens the lock which builder machines share, or nil where this
// machine is the only one.
func (c *cli) builders(home *cache.Home) func(context.Context) (coordinator.Locker, error) {
	if address, err := c.coordinatorAddress(); err != nil || address.cluster == nil {
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
	return c.openReleases(release.Options{}, body)
}

// readReleases is withReleases for commands that only read: without a quorum they show what one
// member knows, with a warning.
func (c *cli) readReleases(body func(r *release.Releases) error) error {
	warn := sync.OnceFunc(func() { c.ui.Warn("the coordinator has no quorum: what follows may be out of date") })
	return c.openReleases(release.Options{OnStale: warn}, body)
}

func (c *cli) openReleases(o release.Options, body func(r *release.Releases) error) error {
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

// verifyCoordinator reads every value of a local coordinator, in order and by its key, which checks their
// sums. A cluster checks its own.
func (c *cli) verifyCoordinator(ctx context.Context, home *cache.Home) error {
	if address, err := c.coordinatorAddress(); err != nil || address.cluster != nil {
		return err
	}
	handle, err := c.openCoordinator(home)
	if err != nil {
		return err
	}
	defer handle.Close()
	entries, _, err := handle.List(ctx, "/")
	if err != nil {
		return err
	}
	for some := range slices.Chunk(entries, coordinator.MaxKeys) {
		var keys []string
		for _, e := range some {
			keys = append(keys, e.Key)
		}
		got, err := handle.Get(ctx, keys...)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(got, func(e coordinator.Entry) bool { return e.Rev == 0 }); i >= 0 {
			return stillListed(ctx, handle, keys[i])
		}
	}
	return nil
}

// stillListed returns an error if a key that was not found is listed: nobody has deleted it.
func stillListed(ctx context.Context, handle coordinator.Coordinator, key string) error {
	entries, _, err := handle.List(ctx, "/")
	if err == nil && slices.ContainsFunc(entries, func(e coordinator.Entry) bool { return e.Key == key }) {
		err = fmt.Errorf("reading the coordinator: %w: key %q is listed and cannot be found", local.ErrDamaged, key)
	}
	return err
}

// examineCoordinator checks for `slugc doctor` whether the coordinator answers.
func (c *cli) examineCoordinator(ctx context.Context, home *cache.Home) finding {
	address, err := c.coordinatorAddress()
	if err != nil {
		return finding{"coordinator", false, err.Error()}
	}
	name := "local, " + home.Path("coordinator.db")
	if address.cluster != nil {
		name = address.cluster.String()
	} else if address.file != "" {
		name = "local, " + address.file
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
