package blobstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"slugc/compiler/fault"
	"slugc/compiler/slug"
	"slugc/detect/lazyregexp"
)

// place makes the errors of one store, which name it by its URL.
type place string

// do begins an error's text.
func (p place) errorf(format string, args ...any) error {
	return fmt.Errorf("asking the slug store %q: %w", string(p), fmt.Errorf(format, args...))
}

func (p place) unreachable(why error) error {
	return fault.TransientError(
		"blobstore/unreachable",
		p.errorf("%w", why),
		"see that the store runs and can be reached from here, and try again",
	)
}

func (p place) denied(why string) error {
	return fault.New(
		fault.Usage,
		fault.ExitRelease,
		"blobstore/denied",
		p.errorf("it refuses the credentials, or there are none: %s", why),
		"for s3 set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for oci set SLUGC_REGISTRY_USER and SLUGC_REGISTRY_PASSWORD, or log in with docker",
		"credentials are sent only to the host that --store or SLUGC_STORE names",
	)
}

func (p place) missing(what string) error {
	return fault.New(fault.Usage, fault.ExitPack, "blobstore/missing", p.errorf("it does not hold %s", what),
		"put the slug there again with `slugc register FILE`, or build the app again")
}

func (p place) damaged(what string, why error) error {
	return fault.New(
		fault.Slugc,
		fault.ExitPack,
		"blobstore/damaged",
		p.errorf("%s is not what it should be: %w", what, why),
		"put the slug there again with `slugc register FILE`, or build the app again",
	)
}

func (p place) noBucket(name string) error {
	return fault.New(
		fault.Usage,
		fault.ExitRelease,
		"blobstore/no-bucket",
		p.errorf("there is no bucket %q", name),
		"make the bucket, or mend the URL",
	)
}

func (p place) certificate(why error) error {
	return fault.New(
		fault.Usage,
		fault.ExitRelease,
		"blobstore/certificate",
		p.errorf("its certificate is not trusted: %w", why),
		"name the authority that signed it with SSL_CERT_FILE, or mend the URL",
	)
}

func (p place) refused(why string) error {
	return fault.New(fault.Usage, fault.ExitRelease, "blobstore/refused", p.errorf("it refuses the request: %s", why),
		"see that the URL is one of a store of its kind, and that it takes writes")
}

// transient says whether trying again may work.
func transient(err error) bool {
	f := fault.Of(err)
	return f != nil && f.Owner == fault.Transient && f.ID == "blobstore/unreachable"
}

// codeForm is what of a server's answer may stand in an error: its messages may hold anything, also
// what it was sent.
var codeForm = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// answer makes an error of a server's answer; codes are the protocol's own names for it.
func (p place) answer(status int, codes ...string) error {
	why := fmt.Sprintf("it answers %d", status)
	for _, c := range codes {
		if codeForm.MatchString(c) {
			why += " " + c
		}
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return p.denied(why)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return p.unreachable(errors.New(why))
	}
	return p.refused(why)
}

// network makes an error of a connection's. Those that are marked already, and the end of the
// context, pass as they are.
func (p place) network(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("asking the slug store %q: %w", string(p), ctx.Err())
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // a URL may be signed
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return p.certificate(oneLine(err))
	}
	if errors.Is(err, slug.ErrPart) {
		return p.damaged("a part", err)
	}
	return p.unreachable(oneLine(err))
}

// oneLine keeps an error's text to one line of usual length.
func oneLine(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return errors.New(text)
}

// clean takes the credentials out of a URL that is shown.
func clean(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "the URL"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
