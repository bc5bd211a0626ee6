package compiler

import (
	"context"
	"fmt"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
)

// Bounded returns a context with a deadline for work on the source: reading it, copying it, detecting its
// language. No limit, or a negative one, is none. end ends the context, and makes a fault of an error that the
// deadline caused; what is the work that was going on, such as "reading the source".
func Bounded(ctx context.Context, limit time.Duration) (_ context.Context, end func(what string, err error) error) {
	if limit <= 0 {
		return ctx, func(_ string, err error) error { return err }
	}
	reached := &sandbox.LimitError{Which: sandbox.LimitDeadline, Limit: limit}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, reached)
	return ctx, func(what string, err error) error {
		defer cancel()
		if err != nil && context.Cause(ctx) == error(reached) {
			return fault.AppError("build/limit", fmt.Errorf("%s: %w", what, reached),
				"leave out with .slugignore what the app does not need",
				"raise the limit with --timeout if the source really needs longer")
		}
		return err
	}
}

// bounded is [Bounded] with the deadline that each buildpack has.
func (b *build) bounded(ctx context.Context) (_ context.Context, end func(what string, err error) error) {
	return Bounded(ctx, b.Limits.Deadline)
}

// awaited returns what f returns, which only reads files. If the context ends first, it returns the cause: a
// file system may keep f waiting for ever. f then goes on alone, and its result is lost.
func awaited[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	if ctx.Err() == nil {
		go func() {
			value, err := f()
			done <- outcome{value, err}
		}()
	}
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
