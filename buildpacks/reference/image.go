package reference

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"slugc/cache/disk"
)

// client are the options of requests to the registry of an image. Credentials are those of docker's configuration.
func (s *Store) client(ctx context.Context, ref name.Reference) []remote.Option {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.ResponseHeaderTimeout = 30 * time.Second
	_, pinned := ref.(name.Digest)
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithTransport(safeTransport{base, pinned}), remote.WithRetryBackoff(remote.Backoff{
			Duration: 300 * time.Millisecond, Factor: 2, Jitter: 0.1, Steps: 3,
		}),
		remote.WithPlatform(v1.Platform{OS: s.o.OS, Architecture: s.o.Arch}),
	}
}

// safeTransport asks by http only this machine, or for an image by its digest: the client itself does for any
// address of a private network.
type safeTransport struct {
	http.RoundTripper
	pinned bool
}

func (t safeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !t.pinned && !isLoopback(r.URL.Hostname()) {
		return nil, errors.New("http is not safe for an image by tag: name it by digest")
	}
	return t.RoundTripper.RoundTrip(r)
}

// fetchImage fetches a buildpackage from its registry.
func (s *Store) fetchImage(ctx context.Context, r Ref, f *fetched) error {
	ref, err := name.ParseReference(r.Addr)
	if err != nil {
		return failed(Writer, "buildpack/reference-invalid", firstLine(err), "write docker://HOST/NAME:TAG")
	}
	limited, cancel := context.WithTimeoutCause(ctx, 4*fetchTime, errFetchTime)
	defer cancel()
	s.o.Note("Fetching " + r.Addr)
	found, err := remote.Get(ref, s.client(limited, ref)...)
	if err != nil {
		return errRegistry(ctx, err)
	}
	f.source = ref.Context().Name() + "@" + found.Digest.String()
	image, err := found.Image()
	if err == nil {
		err = s.unpackImage(limited, f, image)
	}
	return errRegistry(ctx, err)
}

// imageNow returns where an image's tag leads now.
func (s *Store) imageNow(ctx context.Context, addr string) (string, error) {
	ref, err := name.ParseReference(addr)
	if err != nil {
		return "", err
	}
	found, err := remote.Head(ref, s.client(ctx, ref)...)
	if err != nil {
		return "", err
	}
	return ref.Context().Name() + "@" + found.Digest.String(), nil
}

// errRegistry names what a registry's error is about.
func errRegistry(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, known := errors.AsType[*Error](err)
	_, trouble := disk.TroubleOf(err)
	if known || trouble {
		return err
	}
	const see = "see that the name is right; for a private image, log in with docker"
	if answer, ok := errors.AsType[*transport.Error](err); ok {
		said := fmt.Errorf("its registry answers %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
		switch code := answer.StatusCode; {
		case code == http.StatusNotFound:
			return errNotFound(said, see)
		case code == http.StatusTooManyRequests, code >= 500:
			return errUnreachable(said)
		}
		return failed(Writer, "buildpack/denied", said, see)
	}
	if strings.Contains(err.Error(), "no child with platform") {
		return failed(Author, "buildpack/no-platform", errors.New("it has no image for this platform"),
			"take a release of the buildpack for this platform")
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err // its address may be signed
	}
	return errUnreachable(fmt.Errorf("asking its registry: %w", firstLine(err)))
}
