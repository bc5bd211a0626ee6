package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// refusals are the cluster's errors that say a user may not do something. An expired token is not
// among them: the client has a new one by the next request.
var refusals = []error{
	rpctypes.ErrAuthFailed,
	rpctypes.ErrPermissionDenied,
	rpctypes.ErrUserEmpty,
	rpctypes.ErrUserNotFound,
	rpctypes.ErrAuthNotEnabled,
}

// explain turns the client's error into one of the contract's or a fault for the user. ctx is the
// caller's.
func (h *handle) explain(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, coordinator.ErrConflict) {
		return err
	}
	if _, marked := errors.AsType[*fault.Error](err); marked {
		return err
	}
	using := fmt.Sprintf("using the coordinator %q", h.config)
	// The text is compared because a refused watch returns nothing else: its error has no type.
	is := func(list ...error) bool {
		return slices.ContainsFunc(list, func(e error) bool {
			return strings.HasSuffix(err.Error(), rpctypes.ErrorDesc(e))
		})
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", using, context.Canceled)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: %w", using, coordinator.ErrUnavailable, context.DeadlineExceeded)
	case h.lifetime.Err() != nil:
		return fmt.Errorf("%s: %w", using, h.lifetime.Err())
	case is(rpctypes.ErrCompacted):
		return fmt.Errorf("%s: %w", using, coordinator.ErrCompacted)
	case is(rpctypes.ErrRequestTooLarge, rpctypes.ErrTooManyOps, rpctypes.ErrDuplicateKey):
		return fmt.Errorf("%s: %w: %s", using, coordinator.ErrBadCommit, plainText(err))
	case is(refusals...):
		return fault.New(fault.Usage, fault.ExitRelease, "coordinator/denied",
			fmt.Errorf("%s: %s", using, plainText(err)), deniedHint)
	case is(rpctypes.ErrNoSpace):
		return fault.TransientError("coordinator/no-space", fmt.Errorf("%s: %s", using, plainText(err)), noSpaceHint)
	case strings.Contains(err.Error(), "authentication handshake failed"):
		return fault.New(fault.Usage, fault.ExitRelease, "coordinator/tls",
			fmt.Errorf("%s: %s", using, plainText(err)), tlsHint)
	case errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded:
		return fmt.Errorf("%s: %w: no answer within %v", using, coordinator.ErrUnavailable, h.config.Timeout)
	}
	return fmt.Errorf("%s: %w: %s", using, coordinator.ErrUnavailable, plainText(err))
}

const (
	deniedHint = "name a user with rights to read and write below the prefix, with the parameter user or " +
		"SLUGC_ETCD_USER, and the password in SLUGC_ETCD_PASSWORD"
	noSpaceHint = "nothing was written: let the cluster's operator compact and defragment it, or raise its quota, " +
		"and then disarm the alarm with `etcdctl alarm disarm`"
	tlsHint = "name the authority that signs the servers' certificates with the parameter cacert, and, where the " +
		"cluster asks for one, a certificate with cert and key"
)

// plainText is an error's text on one line, without what gRPC adds for programmers.
func plainText(err error) string {
	text := err.Error()
	if st, ok := status.FromError(err); ok {
		text = st.Message()
	}
	if _, inner, ok := strings.Cut(text, `desc = "`); ok {
		text = strings.TrimSuffix(inner, `"`)
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "transport: "), "etcdserver: ")
	return strings.Join(strings.Fields(text), " ")
}
