// Package etcd is a coordinator in an etcd cluster, for builders and runners on several machines.
//
//	config, err := etcd.ParseURL("etcd://a,b,c/slugc/v1?timeout=2s", env)
//	…
//	c, err := etcd.Open(config) // a coordinator.Coordinator
//	defer c.Close()
//
// [Config] says which cluster and how it is reached, [ParseURL] reads one, [Open] returns a handle,
// which is also a [coordinator.StaleReader] and a [coordinator.Locker]. The package starts no
// cluster and administers none: compaction, users and quotas are the operator's.
//
// # Requests
//
// Reads and commits are linearizable: a quorum answers them, whichever member is asked. A member
// that knows no leader refuses at once (WithRequireLeader in etcd's client). A request that gets no
// answer within [Config.Timeout] fails, so that the next attempt reaches another member. The
// client's own retries are switched off: it would repeat a transaction whose answer was lost, find
// that its compares no longer hold, and report a conflict for something that was done. So every
// request is sent once, and a commit without an answer is [coordinator.ErrUnavailable]: its outcome
// is unknown.
//
// # Keys
//
// All keys lie under a prefix, so several installations can share a cluster, and a user with rights
// to that prefix is enough. The revision is the cluster's.
//
// # Connections
//
// Open dials nothing; the first call does. A handle has one connection to each member. After Close
// none of its goroutines is left.
package etcd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/grpclog"

	"slugc/cache/disk"
	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// handle is a coordinator.Coordinator.
type handle struct {
	config   Config
	tls      *tls.Config
	lifetime *coordinator.Lifetime
	clientMu chan struct{} // a mutex over client that a context can stop waiting for
	client   *clientv3.Client
}

// silenceGRPC keeps gRPC from writing to stderr.
var silenceGRPC = sync.OnceFunc(func() {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
})

// Open returns a handle onto the cluster. It reads the certificates and dials nothing. The handle
// is also a [coordinator.StaleReader] and a [coordinator.Locker]. The error is a [fault.Error] with
// id "coordinator/certificate".
func Open(c Config) (coordinator.Coordinator, error) {
	h := &handle{config: c, clientMu: make(chan struct{}, 1)}
	if c.TLS {
		var err error
		if h.tls, err = loadTLS(c); err != nil {
			return nil, fault.UsageError("coordinator/certificate",
				fmt.Errorf("reading the certificates for the coordinator %q: %w", c, err),
				"name PEM files that slugc's user can read, with the parameters cacert, cert and key")
		}
	}
	silenceGRPC()
	h.lifetime = coordinator.NewLifetime()
	return h, nil
}

func loadTLS(c Config) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CACert != "" {
		pem, err := disk.ReadRegular(c.CACert, 1<<20)
		if err != nil {
			return nil, err
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%q holds no certificate", c.CACert)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, err
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// connection returns the client. The first call makes it; with a user that logs in, which takes a
// request.
func (h *handle) connection(ctx context.Context) (*clientv3.Client, error) {
	if h.lifetime.Err() != nil {
		return nil, h.explain(ctx, coordinator.ErrClosed)
	}
	select {
	case h.clientMu <- struct{}{}:
		defer func() { <-h.clientMu }()
	case <-ctx.Done():
		return nil, h.explain(ctx, ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		return nil, h.explain(ctx, err)
	}
	if h.client != nil {
		return h.client, nil
	}
	client, err := clientv3.New(h.clientConfig())
	if err != nil {
		return nil, h.explain(ctx, err)
	}
	h.client = client
	return client, nil
}

// reconnect is how a lost connection is dialled again.
var reconnect = backoff.Config{
	BaseDelay:  50 * time.Millisecond,
	Multiplier: 1.6,
	Jitter:     0.2,
	MaxDelay:   time.Second,
}

func (h *handle) clientConfig() clientv3.Config {
	scheme := "http://"
	if h.config.TLS {
		scheme = "https://"
	}
	var endpoints []string
	for _, host := range h.config.Hosts {
		endpoints = append(endpoints, scheme+host)
	}
	return clientv3.Config{
		Context:         h.lifetime.Context(),
		Endpoints:       endpoints,
		TLS:             h.tls,
		Username:        h.config.User,
		Password:        h.config.Password,
		DialTimeout:     h.config.DialTimeout,
		Logger:          zap.NewNop(),
		MaxUnaryRetries: 1, // see the package comment
		// A peer that acknowledges nothing for this long is gone; the kernel notices
		// (TCP_USER_TIMEOUT).
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: 2 * h.config.Timeout,
		DialOptions: []grpc.DialOption{
			grpc.WithChainUnaryInterceptor(failFast),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           reconnect,
				MinConnectTimeout: h.config.DialTimeout,
			}),
		},
	}
}

// failFast sends a request only while a member is connected or being connected. The client would
// let it wait for its whole timeout, and then not say what is wrong with the connections.
func failFast(
	ctx context.Context, method string, request, answer any,
	conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	return invoke(ctx, method, request, answer, conn, append(options, grpc.WaitForReady(false))...)
}

// request sends one request with its own timeout. do returns the client's error.
func (h *handle) request(ctx context.Context, do func(context.Context, *clientv3.Client) error) error {
	client, err := h.connection(ctx)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, h.config.Timeout)
	defer cancel()
	return h.explain(ctx, do(limited, client))
}

func (h *handle) key(key string) string { return h.config.Prefix + key }

func (h *handle) entry(key string, value []byte, rev int64) coordinator.Entry {
	return coordinator.Entry{Key: strings.TrimPrefix(key, h.config.Prefix), Value: value, Rev: rev}
}

func (h *handle) Get(ctx context.Context, keys ...string) ([]coordinator.Entry, error) {
	return reader{handle: h}.Get(ctx, keys...)
}

func (h *handle) List(ctx context.Context, prefix string) ([]coordinator.Entry, int64, error) {
	return reader{handle: h}.List(ctx, prefix)
}

func (h *handle) Stale() coordinator.Reader { return reader{handle: h, stale: true} }

func (h *handle) Commit(
	ctx context.Context, compares []coordinator.Compare, writes []coordinator.Write,
) (rev int64, err error) {
	if err := coordinator.CheckCommit(compares, writes); err != nil {
		return 0, err
	}
	ifs := make([]clientv3.Cmp, len(compares))
	for i, c := range compares {
		ifs[i] = clientv3.Compare(clientv3.ModRevision(h.key(c.Key)), "=", c.Rev)
	}
	ops := make([]clientv3.Op, len(writes))
	for i, w := range writes {
		if w.Delete {
			ops[i] = clientv3.OpDelete(h.key(w.Key))
		} else {
			ops[i] = clientv3.OpPut(h.key(w.Key), string(w.Value))
		}
	}
	// A member answers a transaction that reads and writes nothing without asking the others.
	// Counting a key makes it linearizable.
	count := clientv3.OpGet(h.key("/"), clientv3.WithCountOnly())
	if len(ops) == 0 {
		ops = append(ops, count)
	}
	err = h.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
		answer, err := client.Txn(clientv3.WithRequireLeader(ctx)).If(ifs...).Then(ops...).Else(count).Commit()
		if err != nil {
			return err
		}
		if !answer.Succeeded {
			return coordinator.ErrConflict
		}
		rev = answer.Header.Revision
		return nil
	})
	if err != nil {
		return 0, err
	}
	return rev, nil
}

// Close ends watches, locks and calls, and waits for the watches.
func (h *handle) Close() error {
	h.lifetime.Close()
	h.clientMu <- struct{}{}
	defer func() { <-h.clientMu }()
	if h.client == nil {
		return nil
	}
	client := h.client
	h.client = nil
	if err := client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("closing the coordinator %q: %w", h.config, err)
	}
	return nil
}
