package blobstore

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"slugc/compiler/artifact/blobstore/blobstoretest"
	"slugc/compiler/fault"
)

var secret = map[string]string{
	"AWS_ACCESS_KEY_ID":       "AKIDTOLDTONOBODY",
	"AWS_SECRET_ACCESS_KEY":   "secrettoldtonobody",
	"AWS_SESSION_TOKEN":       "tokentoldtonobody",
	"SLUGC_REGISTRY_USER":     "usertoldtonobody",
	"SLUGC_REGISTRY_PASSWORD": "passwordtoldtonobody",
}

// TestSecrets uses a store that repeats what it was sent: nothing of that may get into errors and URLs.
func TestSecrets(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		o := quick
		o.Credentials, o.CredentialsFor = secret, f.url
		p, s := blobstoretest.Small(t, "one"), open(t, f.url, o)
		texts := []string{
			fmt.Sprint(Check("s3://AKIDTOLDTONOBODY:secrettoldtonobody@bucket")),
			fmt.Sprint(Check("oci://usertoldtonobody:passwordtoldtonobody@host/repo")),
			fmt.Sprint(
				Check("s3://bucket?endpoint=http://usertoldtonobody:passwordtoldtonobody@host"),
			),
			fmt.Sprint(Check("s3://bucket?token=secrettoldtonobody")),
		}
		url, _, err := s.Put(t.Context(), p.File, p.Digest)
		check(t, err)
		texts = append(texts, url)
		var told atomic.Bool
		for _, status := range []int{400, 401, 403, 404, 409, 500, 503} {
			f.intercept(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				code := status
				if r.Header.Get("Authorization") != "" {
					told.Store(true)
				} else if strings.HasPrefix(f.url, "oci:") {
					w.Header().Set("WWW-Authenticate", `Basic realm="tokentoldtonobody"`)
					code = http.StatusUnauthorized
				}
				w.WriteHeader(code)
				all := fmt.Sprintf("%v %v", r.Header, secret)
				if strings.HasPrefix(f.url, "s3:") {
					fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", all, all)
				} else {
					fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q,"detail":%q}]}`, all, all, all)
				}
			})
			_, _, err := s.Put(t.Context(), p.File, p.Digest)
			_, err2 := s.Get(t.Context(), url, p.Digest, target(t), nil)
			for _, err := range []error{err, err2} {
				if err == nil {
					t.Fatalf("%d is no error", status)
				}
				texts = append(texts, fmt.Sprintf("%v %+v %q", err, err, fault.Of(err).Hints))
			}
		}
		if !told.Load() {
			t.Error("the store was sent no credentials, so this tests nothing")
		}
		for _, text := range texts {
			if strings.Contains(text, "toldtonobody") || strings.Contains(text, "AKIDTOLD") ||
				strings.Contains(text, "Signature") {
				t.Errorf("the text holds a secret: %s", text)
			}
		}
	})
}

// TestCredentialsFor opens a slug's URL on the host that the credentials are for, and on others.
func TestCredentialsFor(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fakeServer) {
		p := blobstoretest.Small(t, "one")
		url := put(t, open(t, f.url, quick), p)
		for own, want := range map[string]bool{
			f.url: true,
			"s3://bucket/some/where?endpoint=http://127.0.0.1:1": false,
			"oci://127.0.0.1:1/some/where":                       false,
			"s3://bucket/some/where":                             false,
		} {
			o := quick
			o.Credentials, o.CredentialsFor = secret, own
			var told atomic.Value
			told.Store("")
			f.intercept(func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
				if a := r.Header.Get("Authorization"); a != "" {
					told.Store(a + r.Header.Get("X-Amz-Security-Token"))
				} else if strings.HasPrefix(f.url, "oci:") && want {
					w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				answer.ServeHTTP(w, r)
			})
			to := target(t)
			_, err := open(t, url, o).Get(t.Context(), url, p.Digest, to, nil)
			check(t, err)
			blobstoretest.Same(t, to, p)
			basic := base64.StdEncoding.EncodeToString(
				[]byte(secret["SLUGC_REGISTRY_USER"] + ":" + secret["SLUGC_REGISTRY_PASSWORD"]),
			)
			said := told.Load().(string)
			if is := strings.Contains(said, secret["AWS_ACCESS_KEY_ID"]) || strings.Contains(said, basic); is != want {
				t.Errorf("with credentials for %q it is sent %q", own, said)
			}
		}
	})
}
