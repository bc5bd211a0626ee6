//go:build !linux

package cgroup

// Hierarchy is where this process may make groups: nowhere on this system.
type Hierarchy struct{}

// Group is one group, of which there are none on this system.
type Group struct{}

// Find finds nothing.
func Find() *Hierarchy { return &Hierarchy{} }

// Means returns the zero value.
func (h *Hierarchy) Means() Means { return Means{} }

// New returns nil.
func (h *Hierarchy) New(Limits) (*Group, error) { return nil, nil }

// Join returns the zero value.
func (g *Group) Join() Join { return Join{} }

// Usage returns the zero value.
func (g *Group) Usage() Usage { return Usage{} }

// Remove does nothing.
func (g *Group) Remove() {}
