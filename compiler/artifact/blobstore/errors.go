package blobstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/slug"
	"slugc/detect/lazyregexp"
)

// Why a store does not return a slug.
var (
	ErrMissing = errors.New("the store does not hold it")
	ErrDamaged = errors.New("what the store holds is damaged")
)

// Sentinels of this package's own code.
var (
	errUnreachable = errors.New("the store cannot be reached") // trying again may help

	errDamagedOnTheWay = errors.New("what was sent did not arrive as it was")
)

// markedError is an error that [errors.Is] a sentinel whose text it does not have.
type markedError struct {
	error
	sentinel error
}

func (e markedError) Is(target error) bool { return target == e.sentinel }
func (e markedError) Unwrap() error        { return e.error }

// location is a store's URL, and makes the errors that name it.
type location string

// errorf begins an error's text.
func (l location) errorf(format string, args ...any) error {
	return fmt.Errorf("asking the slug store %q: %w", string(l), fmt.Errorf(format, args...))
}

func (l location) unreachable(why error) error {
	return fault.TransientError("blobstore/unreachable", markedError{l.errorf("%w", why), errUnreachable},
		"see that the store runs and can be reached from here, and try again")
}

// Hints that several errors share.
const (
	storeAgain = "put the slug there again with `slugc register FILE`, or build the app again"
	setSecrets = "for s3 set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for oci set SLUGC_REGISTRY_USER and " +
		"SLUGC_REGISTRY_PASSWORD, or log in with docker"
)

func (l location) missing(what string) error {
	return fault.New(fault.Usage, fault.ExitPack, "blobstore/missing",
		markedError{l.errorf("it does not hold %s", what), ErrMissing}, storeAgain)
}

func (l location) damaged(what string, why error) error {
	return fault.New(fault.Slugc, fault.ExitPack, "blobstore/damaged",
		markedError{l.errorf("%s is damaged: %w", what, why), ErrDamaged}, storeAgain)
}

func (l location) denied(why string) error {
	return usage("blobstore/denied", l.errorf("it refuses the credentials, or there are none: %s", why),
		setSecrets, "credentials are sent only to the host that --store or SLUGC_STORE names")
}

func (l location) noBucket(name string) error {
	return usage("blobstore/no-bucket", l.errorf("there is no bucket %q", name), "make the bucket, or fix the URL")
}

func (l location) certificate(why error) error {
	return usage("blobstore/certificate", l.errorf("its certificate is not trusted: %w", why),
		"name the authority that signed it with SSL_CERT_FILE, or fix the URL")
}

func (l location) refused(why string) error {
	return usage("blobstore/refused", l.errorf("it refuses the request: %s", why),
		"see that the URL is one of a store of its kind, and that it takes writes")
}

// usage is a fault of whoever set the store up; exit code 72.
func usage(id string, err error, hints ...string) error {
	return fault.New(fault.Usage, fault.ExitRelease, id, err, hints...)
}

// codeForm is the only part of a server's answer that errors repeat. Its messages may hold
// anything, even the credentials that it was sent.
var codeForm = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// answer makes an error of a server's answer. codes are the protocol's names for it.
func (l location) answer(status int, codes ...string) error {
	why := fmt.Sprintf("it answers %d", status)
	for _, c := range codes {
		if codeForm.MatchString(c) {
			why += " " + c
		}
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return l.denied(why)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return l.unreachable(errors.New(why))
	}
	return l.refused(why)
}

// inTrouble reports whether an error is the machine's own and says nothing about a store.
func inTrouble(err error) bool {
	_, trouble := disk.TroubleOf(err)
	return trouble
}

// network makes an error of a connection's error. Faults pass unchanged.
func (l location) network(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if ctx.Err() != nil {
		return l.errorf("%w", ctx.Err())
	}
	if inTrouble(err) {
		return l.errorf("%w", err)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // a URL may be signed
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return l.certificate(oneLine(err))
	}
	if errors.Is(err, slug.ErrPart) {
		return l.damaged("a part", err)
	}
	return l.unreachable(oneLine(err))
}

// oneLine keeps an error's text to one line of at most 200 bytes.
func oneLine(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return errors.New(text)
}

// withoutSecrets removes from a URL everything that may hold credentials.
func withoutSecrets(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "the URL"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// badURL is the fault of a URL that names no store.
func badURL(format string, args ...any) error {
	return fault.UsageError("usage/store",
		fmt.Errorf("choosing the slug store: the URL is not one of a store: %s", fmt.Sprintf(format, args...)),
		"use file:///dir, s3://bucket/prefix?endpoint=https://host&region=name or oci://host/repository",
		"credentials come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; "+
			"SLUGC_REGISTRY_USER, SLUGC_REGISTRY_PASSWORD")
}
