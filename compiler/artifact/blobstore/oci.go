package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slugc/cache/digest"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// oci keeps slugs in a repository of an OCI registry.
type oci struct {
	Options
	place
	repo   name.Repository
	client []remote.Option
}

func openOCI(u *url.URL, o Options) (Store, error) {
	repo, err := name.NewRepository(u.Host+"/"+strings.Trim(u.Path, "/"), name.StrictValidation)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		return nil, errURL("a repository is named oci://host:port/repository, in lower case")
	}
	s := &oci{Options: o, place: place("oci://" + repo.Name()), repo: repo}
	s.client = []remote.Option{
		remote.WithTransport(
			limited{newTransport(o.idle), s.place},
		), remote.WithJobs(jobs), remote.WithUserAgent("slugc"),
		// What is tried again, how often and when is the same for all stores.
		remote.WithRetryBackoff(
			remote.Backoff{Steps: 1},
		), remote.WithRetryPredicate(func(error) bool { return false }), remote.WithRetryStatusCodes(),
	}
	if user := o.Settings["SLUGC_REGISTRY_USER"]; user != "" {
		auth := authn.FromConfig(authn.AuthConfig{Username: user, Password: o.Settings["SLUGC_REGISTRY_PASSWORD"]})
		s.client = append(s.client, remote.WithAuth(auth))
	} else {
		// The keychain holds credentials by registry, so none of them go anywhere else.
		s.client = append(s.client, remote.WithAuthFromKeychain(authn.DefaultKeychain))
	}
	return s, nil
}

// tag names the image of a slug; hex is of the slug's digest.
func (s *oci) tag(hex string) name.Tag { return s.repo.Tag("slug-" + hex) }

// reference is what a URL or, without one, a slug's digest names in the repository.
func (s *oci) reference(rawURL, hex string) (name.Reference, error) {
	if rawURL == "" {
		return s.tag(hex), nil
	}
	image, ok := strings.CutPrefix(rawURL, "oci://"+s.repo.Name()+"@")
	if !ok || !valid(digest.Digest(image)) {
		return nil, errURL("it names no image by digest in " + s.repo.Name())
	}
	return s.repo.Digest(image), nil
}

// fault makes an error of the client's; what is missing where it answers 404 is said by the caller.
func (s *oci) fault(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[*transport.Error](err)
	// On loopback the client tries both ways, and the error is of both.
	if errors.Is(err, http.ErrSchemeMismatch) && s.repo.Scheme() == "https" {
		return s.refused("it speaks plain HTTP")
	}
	if !ok {
		return s.network(ctx, err)
	}
	if answer.StatusCode == http.StatusNotFound {
		return s.missing(what)
	}
	var codes []string
	for _, d := range answer.Errors {
		codes = append(codes, string(d.Code))
	}
	for _, d := range answer.Errors {
		switch d.Code {
		case transport.UnauthorizedErrorCode, transport.DeniedErrorCode:
			return s.denied(strings.Join(codes, " "))
		case transport.BlobUploadInvalidErrorCode,
			transport.BlobUploadUnknownErrorCode,
			transport.DigestInvalidErrorCode,
			transport.SizeInvalidErrorCode:
			return s.unreachable(errors.New("what was sent did not arrive as it was"))
		}
	}
	return s.answer(answer.StatusCode, codes[:min(len(codes), 3)]...)
}

// limited bounds manifests before the client reads them whole.
type limited struct {
	http.RoundTripper
	place
}

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil && strings.Contains(r.URL.Path, "/manifests/") {
		resp.Body = &limitedBody{resp.Body, maxIndex, l.place}
	}
	return resp, err
}

type limitedBody struct {
	io.ReadCloser
	left int
	place
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, b.damaged("a manifest", fmt.Errorf("it is larger than %d bytes", maxIndex))
	}
	return n, err
}
