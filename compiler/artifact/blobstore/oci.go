package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"slugc/cache/digest"
)

// oci keeps slugs in a repository of an OCI registry.
type oci struct {
	Options
	location
	repo   name.Repository
	client []remote.Option
}

func openOCI(u *url.URL, o Options) (Store, error) {
	repo, err := name.NewRepository(u.Host+"/"+strings.Trim(u.Path, "/"), name.StrictValidation)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		return nil, badURL("a repository is named oci://host:port/repository, in lower case")
	}
	s := &oci{Options: o, location: location("oci://" + repo.Name()), repo: repo}
	s.client = []remote.Option{
		remote.WithTransport(boundedTransport{
			guardedTransport{newTransport(o.idle), s.location, repo.Scheme() == "https"}, s.location,
		}),
		remote.WithJobs(jobs),
		remote.WithUserAgent("slugc"),
		// No retries by the client: [Options.retry] does the same for all stores.
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryPredicate(func(error) bool { return false }),
		remote.WithRetryStatusCodes(),
	}
	if user := o.Credentials["SLUGC_REGISTRY_USER"]; user != "" {
		auth := authn.FromConfig(authn.AuthConfig{Username: user, Password: o.Credentials["SLUGC_REGISTRY_PASSWORD"]})
		s.client = append(s.client, remote.WithAuth(auth))
	} else {
		// The keychain holds credentials by registry, so none go to another host.
		s.client = append(s.client, remote.WithAuthFromKeychain(authn.DefaultKeychain))
	}
	return s, nil
}

// tag names the image of a slug. The digest has been checked.
func (s *oci) tag(d digest.Digest) name.Tag { return s.repo.Tag("slug-" + d.Hex()) }

// reference is the image that a URL names in the repository or, without a URL, a slug's digest.
func (s *oci) reference(rawURL string, d digest.Digest) (name.Reference, error) {
	if rawURL == "" {
		return s.tag(d), nil
	}
	image, ok := strings.CutPrefix(rawURL, "oci://"+s.repo.Name()+"@")
	if !ok || checkDigest(digest.Digest(image)) != nil {
		return nil, badURL("it names no image by digest in %s", s.repo.Name())
	}
	return s.repo.Digest(image), nil
}

// fault makes an error of the client's error. what is missing if the registry answers 404.
func (s *oci) fault(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[*transport.Error](err)
	// On loopback the client tries HTTPS and HTTP, and returns both errors.
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
			return s.unreachable(errDamagedOnTheWay)
		}
	}
	return s.answer(answer.StatusCode, codes[:min(len(codes), 3)]...)
}

// boundedTransport bounds manifests, which the client reads whole.
type boundedTransport struct {
	http.RoundTripper
	location
}

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err == nil && strings.Contains(r.URL.Path, "/manifests/") {
		resp.Body = &boundedBody{resp.Body, maxIndex, t.location}
	}
	return resp, err
}

// boundedBody fails once more than left bytes were read.
type boundedBody struct {
	io.ReadCloser
	left int
	location
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, b.damaged("a manifest", fmt.Errorf("it is larger than %d bytes", maxIndex))
	}
	return n, err
}
