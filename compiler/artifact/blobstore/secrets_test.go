package blobstore

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"slugc/compiler/fault"
)

var secret = map[string]string{
	"AWS_ACCESS_KEY_ID":       "AKIDTOLDTONOBODY",
	"AWS_SECRET_ACCESS_KEY":   "secrettoldtonobody",
	"AWS_SESSION_TOKEN":       "tokentoldtonobody",
	"SLUGC_REGISTRY_USER":     "usertoldtonobody",
	"SLUGC_REGISTRY_PASSWORD": "passwordtoldtonobody",
}

// TestSecrets meets a store that says back what it was told, and holds that nothing of it comes
// into errors and URLs.
func TestSecrets(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		o := quick
		o.Settings, o.For = secret, f.url
		p, s := small(t, "one"), open(t, f.url, o)
		texts := []string{
			fmt.Sprint(Check("s3://AKIDTOLDTONOBODY:secrettoldtonobody@bucket")),
			fmt.Sprint(Check("oci://usertoldtonobody:passwordtoldtonobody@host/repo")),
			fmt.Sprint(
				Check("s3://bucket?endpoint=http://usertoldtonobody:passwordtoldtonobody@host"),
			),
			fmt.Sprint(Check("s3://bucket?token=secrettoldtonobody")),
		}
		url, _, err := s.Put(t.Context(), p.file, p.digest)
		check(t, err)
		texts = append(texts, url)
		var told atomic.Bool
		for _, status := range []int{400, 401, 403, 404, 409, 500, 503} {
			f.spoilt(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
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
			_, _, err := s.Put(t.Context(), p.file, p.digest)
			_, err2 := s.Get(t.Context(), url, p.digest, target(t), nil)
			for _, err := range []error{err, err2} {
				if err == nil {
					t.Fatalf("%d is no error", status)
				}
				texts = append(texts, fmt.Sprintf("%v %+v %q", err, err, fault.Of(err).Hints))
			}
		}
		if !told.Load() {
			t.Error("the store was told no credentials, so this tests nothing")
		}
		for _, text := range texts {
			if strings.Contains(text, "toldtonobody") || strings.Contains(text, "AKIDTOLD") ||
				strings.Contains(text, "Signature") {
				t.Errorf("it tells: %s", text)
			}
		}
	})
}

// TestCredentialsGoHome opens a slug's URL on another host than the credentials are for.
func TestCredentialsGoHome(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		p := small(t, "one")
		url := put(t, open(t, f.url, quick), p)
		for own, want := range map[string]bool{f.url: true, "s3://bucket/some/where?endpoint=http://127.0.0.1:1": false, "oci://127.0.0.1:1/some/where": false, "s3://bucket/some/where": false} {
			o := quick
			o.Settings, o.For = secret, own
			var told atomic.Value
			told.Store("")
			f.spoilt(func(w http.ResponseWriter, r *http.Request, answer http.Handler) {
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
			_, err := open(t, url, o).Get(t.Context(), url, p.digest, to, nil)
			check(t, err)
			same(t, to, p)
			basic := base64.StdEncoding.EncodeToString(
				[]byte(secret["SLUGC_REGISTRY_USER"] + ":" + secret["SLUGC_REGISTRY_PASSWORD"]),
			)
			said := told.Load().(string)
			if is := strings.Contains(said, secret["AWS_ACCESS_KEY_ID"]) || strings.Contains(said, basic); is != want {
				t.Errorf("with credentials for %q it is told %q", own, said)
			}
		}
	})
}
