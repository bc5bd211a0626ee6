package etcd_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/coordinator/etcd"
	"slugc/compiler/fault"
)

func TestParseURL(t *testing.T) {
	plain := etcd.Config{
		Hosts:       []string{"a:2379"},
		Prefix:      "/slugc/v1",
		Timeout:     etcd.DefaultTimeout,
		DialTimeout: etcd.DefaultTimeout,
	}
	with := func(change func(*etcd.Config)) etcd.Config {
		c := plain
		change(&c)
		return c
	}
	env := map[string]string{
		"SLUGC_ETCD_CACERT":   "/ca",
		"SLUGC_ETCD_CERT":     "/c",
		"SLUGC_ETCD_KEY":      "/k",
		"SLUGC_ETCD_USER":     "ana",
		"SLUGC_ETCD_PASSWORD": "s3cret",
		"SLUGC_ETCD_TIMEOUT":  "3s",
	}
	full := with(func(c *etcd.Config) {
		c.TLS, c.CACert, c.Cert, c.Key = true, "/ca", "/c", "/k"
		c.User, c.Password, c.Timeout = "ana", "s3cret", 3*time.Second
	})
	for _, tc := range []struct {
		url  string
		env  map[string]string
		want etcd.Config
	}{
		{"etcd://a", nil, plain},
		{"etcd://a:2379/slugc/v1/", nil, plain},
		{"etcd://a/", nil, with(func(c *etcd.Config) { c.Prefix = "" })},
		{"etcd://a,b:1,[::1],[::2]:7,10.0.0.1/x/y", nil, with(func(c *etcd.Config) {
			c.Hosts, c.Prefix = []string{"a:2379", "b:1", "[::1]:2379", "[::2]:7", "10.0.0.1:2379"}, "/x/y"
		})},
		{"etcd://a?tls=true&timeout=2s&dial-timeout=500ms", nil, with(func(c *etcd.Config) {
			c.TLS, c.Timeout, c.DialTimeout = true, 2*time.Second, 500*time.Millisecond
		})},
		{"etcd://a?tls=1&tls-is-no-parameter=", nil, etcd.Config{}},
		{"etcd://bob:p%40ss%3A@a", nil, with(func(c *etcd.Config) { c.User, c.Password = "bob", "p@ss:" })},
		{"etcd://a", env, full},
		{"etcd://ana@a", env, full},
		{"etcd://bob:x@a?cacert=/other&timeout=4s", env, with(func(c *etcd.Config) {
			*c = full
			c.User, c.Password, c.CACert, c.Timeout = "bob", "x", "/other", 4*time.Second
		})},
	} {
		got, err := etcd.ParseURL(tc.url, tc.env)
		if tc.want.Hosts == nil {
			if err == nil {
				t.Errorf("%s is taken", tc.url)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", tc.url, err, diff)
		}
	}
}

// TestBadURLs: each mistake has a text of its own, and none has the password.
func TestBadURLs(t *testing.T) {
	const secret = "hunter2"
	env := map[string]string{"SLUGC_ETCD_PASSWORD": secret}
	for url, want := range map[string]string{
		"etcd:/a":                             `it does not start with etcd://`,
		"etcd://":                             `"" is not a host`,
		"etcd://a,,b":                         `"" is not a host`,
		"etcd://a:0":                          `"a:0" has no port from 1 to 65535`,
		"etcd://a:b":                          `"a:b" has no port from 1 to 65535`,
		"etcd://::1":                          `"::1" is not a host and port`,
		"etcd://a b":                          `"a b" is not a host`,
		"etcd://a/x//y":                       `"/x//y" is not a prefix of keys`,
		"etcd://a/é":                          `"/é" is not a prefix of keys`,
		"etcd://a/x#f":                        `what follows the hosts is not a path and parameters`,
		"etcd://a?password=hunter2":           `there is no parameter "password"`,
		"etcd://a?user=":                      `the parameter "user" needs one value`,
		"etcd://a?timeout=1s&timeout=2s":      `the parameter "timeout" needs one value`,
		"etcd://a?timeout=soon":               `"timeout" is not a time from 10ms to 1m, such as 1.5s`,
		"etcd://a?dial-timeout=2h":            `"dial-timeout" is not a time from 10ms to 1m, such as 1.5s`,
		"etcd://a?tls=perhaps":                `the parameter "tls" is neither true nor false`,
		"etcd://a?cacert=/ca&tls=false":       `certificates are named, and "tls" is false`,
		"etcd://a?cert=/c":                    `a client's certificate needs its key, and a key its certificate`,
		"etcd://a?%zz":                        `its parameters are malformed`,
		"etcd://bob%zz:hunter2@a":             `the user's name or password before the hosts is malformed`,
		"etcd://:hunter2@a":                   `the user's name or password before the hosts is malformed`,
		"etcd://bob:hunter2@a?key=/k":         `a client's certificate needs its key, and a key its certificate`,
		"etcd://bob@a":                        `there is a user and no password`,
		"etcd://a":                            `there is a password and no user`,
		"etcd://bob:hunter2@a:x":              `"a:x" has no port from 1 to 65535`,
		"etcd://bob:hunter2@a/p?nope=hunter2": `there is no parameter "nope"`,
	} {
		_, err := etcd.ParseURL(url, env)
		mark, ok := errors.AsType[*fault.Error](err)
		if !ok || mark.ID != "coordinator/bad-url" || mark.Code != fault.ExitUsage ||
			err.Error() != "reading the coordinator's URL: "+want {
			t.Errorf("%s: %v, want %s", url, err, want)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, mark), secret) {
			t.Errorf("%s: the error has the password", url)
		}
	}
}

func TestConfigKeepsThePassword(t *testing.T) {
	c, err := etcd.ParseURL("etcd://bob:hunter2@a,b/p?timeout=1s", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, c); strings.Contains(text, "hunter2") ||
			!strings.Contains(text, "etcd://a:2379,b:2379/p") {
			t.Errorf("%s: %s", format, text)
		}
	}
}

func TestCertificatesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca"), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for parameters, want := range map[string]string{
		"cacert=" + dir + "/none":                    "open " + dir + "/none: no such file or directory",
		"cacert=" + dir + "/ca":                      fmt.Sprintf("%q holds no certificate", dir+"/ca"),
		"cert=" + dir + "/none&key=" + dir + "/none": "open " + dir + "/none: no such file or directory",
	} {
		c, err := etcd.ParseURL("etcd://a?"+parameters, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = etcd.Open(c)
		mark := fault.Of(err)
		if err == nil || mark.ID != "coordinator/certificate" || mark.Code != fault.ExitUsage ||
			err.Error() != `reading the certificates for the coordinator "etcd://a:2379/slugc/v1": `+want {
			t.Errorf("%s: %v", parameters, err)
		}
	}
}
