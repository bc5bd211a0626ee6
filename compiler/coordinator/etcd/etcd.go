// Package etcd is a coordinator in an etcd cluster, for builders and runners on several machines.
//
// # Requests
//
// Reads and commits are linearizable: a quorum answers them, through whichever member is asked. A
// member that knows no leader refuses at once, and a member that does not answer within
// [Config.Timeout] is given up, so that trying again reaches another. The client is told to try
// nothing again on its own: it would repeat a transaction whose answer was lost, find that its
// compares no longer hold, and report a conflict for what was done. So every request is sent once,
// and a commit without an answer is [coordinator.ErrUnavailable]: its outcome is unknown.
//
// # Keys
//
// All keys lie under a prefix, so several installations can share a cluster, and a user with rights
// to that prefix suffices. The revision is the cluster's.
//
// # Connections
//
// Nothing is dialled before the first call. A handle has one connection to each member, and no
// goroutine is left after Close.
package etcd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/grpclog"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// store is a handle.
type store struct {
	config  Config
	tls     *tls.Config
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	turn    chan struct{} // held by whoever makes the client
	client  *clientv3.Client
	closing sync.Mutex // guards watches against Add after Wait
	watches sync.WaitGroup
}

// silence keeps gRPC from writing to stderr.
var silence = sync.OnceFunc(func() { grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)) })

// Open returns a handle onto the cluster. It reads the certificates and dials nothing. The handle
// is also a [coordinator.Staler] and a [coordinator.Locker]. The error is a [fault.Error] with id
// "coordinator/certificate".
func Open(c Config) (coordinator.Coordinator, error) {
	s := &store{config: c, turn: make(chan struct{}, 1)}
	if c.TLS {
		var err error
		if s.tls, err = loadTLS(c); err != nil {
			return nil, fault.UsageError(
				"coordinator/certificate",
				fmt.Errorf("reading the certificates for the coordinator %q: %w", c, err),
				"name PEM files that slugc's user can read, with the parameters cacert, cert and key",
			)
		}
	}
	silence()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

func loadTLS(c Config) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CACert != "" {
		pem, err := os.ReadFile(c.CACert)
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

// connected returns the client, which the first call makes: with a user it logs in, which takes a
// request.
func (s *store) connected(ctx context.Context) (*clientv3.Client, error) {
	if s.ctx.Err() != nil {
		return nil, s.explain(ctx, errClosed)
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, s.explain(ctx, ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		return nil, s.explain(ctx, err)
	}
	if s.client != nil {
		return s.client, nil
	}
	scheme := "http://"
	if s.config.TLS {
		scheme = "https://"
	}
	var endpoints []string
	for _, host := range s.config.Hosts {
		endpoints = append(endpoints, scheme+host)
	}
	client, err := clientv3.New(clientv3.Config{
		Context: s.ctx, Endpoints: endpoints, TLS: s.tls, Username: s.config.User, Password: s.config.Password,
		DialTimeout: s.config.DialTimeout, Logger: zap.NewNop(),
		MaxUnaryRetries: 1, // see the package comment
		// A peer that acknowledges nothing for this long is gone; the kernel notices
		// (TCP_USER_TIMEOUT).
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 2 * s.config.Timeout,
		DialOptions: []grpc.DialOption{
			grpc.WithChainUnaryInterceptor(failFast),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff: backoff.Config{
					BaseDelay:  50 * time.Millisecond,
					Multiplier: 1.6,
					Jitter:     0.2,
					MaxDelay:   time.Second,
				},
				MinConnectTimeout: s.config.DialTimeout,
			}),
		},
	})
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	s.client = client
	return client, nil
}

// failFast sends a request only while a member is connected or being connected. The client would
// let it wait for its whole time, and then not say what is wrong with the connections.
func failFast(
	ctx context.Context,
	method string,
	request, answer any,
	conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	return invoke(ctx, method, request, answer, conn, append(options, grpc.WaitForReady(false))...)
}

// request does one request within its time. do's error is the client's.
func (s *store) request(ctx context.Context, do func(context.Context, *clientv3.Client) error) error {
	client, err := s.connected(ctx)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	return s.explain(ctx, do(limited, client))
}

func (s *store) key(key string) string { return s.config.Prefix + key }

func (s *store) entry(key string, value []byte, rev int64) coordinator.Entry {
	return coordinator.Entry{Key: strings.TrimPrefix(key, s.config.Prefix), Value: value, Rev: rev}
}

func (s *store) Get(ctx context.Context, keys ...string) ([]coordinator.Entry, error) {
	return reader{store: s}.Get(ctx, keys...)
}

func (s *store) List(ctx context.Context, prefix string) ([]coordinator.Entry, int64, error) {
	return reader{store: s}.List(ctx, prefix)
}

func (s *store) Stale() coordinator.Reader { return reader{store: s, stale: true} }

func (s *store) Commit(
	ctx context.Context,
	compares []coordinator.Compare,
	writes []coordinator.Write,
) (rev int64, err error) {
	if err := coordinator.CheckCommit(compares, writes); err != nil {
		return 0, err
	}
	ifs := make([]clientv3.Cmp, len(compares))
	for i, c := range compares {
		ifs[i] = clientv3.Compare(clientv3.ModRevision(s.key(c.Key)), "=", c.Rev)
	}
	ops := make([]clientv3.Op, len(writes))
	for i, w := range writes {
		if w.Delete {
			ops[i] = clientv3.OpDelete(s.key(w.Key))
		} else {
			ops[i] = clientv3.OpPut(s.key(w.Key), string(w.Value))
		}
	}
	// A transaction that reads and writes nothing is answered by one member without asking the
	// others. Counting a key makes it linearizable.
	look := clientv3.OpGet(s.key("/"), clientv3.WithCountOnly())
	if len(ops) == 0 {
		ops = append(ops, look)
	}
	err = s.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
		answer, err := client.Txn(clientv3.WithRequireLeader(ctx)).If(ifs...).Then(ops...).Else(look).Commit()
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

// Close ends watches, locks and calls, and waits for the watches. Calls made afterwards are errors.
func (s *store) Close() error {
	s.closing.Lock()
	s.cancel()
	s.closing.Unlock()
	s.watches.Wait()
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.client == nil {
		return nil
	}
	client := s.client
	s.client = nil
	if err := client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("closing the coordinator %q: %w", s.config, err)
	}
	return nil
}
