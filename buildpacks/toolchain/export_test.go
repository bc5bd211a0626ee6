package toolchain

import "context"

// Derived is [Lease.Derived] for a caller that does not hold what it gets.
func (st *Store) Derived(
	ctx context.Context,
	t Toolchain,
	name string,
	wait func(),
	make func(ctx context.Context, dir string) error,
) (string, error) {
	l := st.Lease(nil)
	defer l.Release()
	return l.Derived(ctx, t, name, wait, make)
}
