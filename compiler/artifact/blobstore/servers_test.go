package blobstore

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// kind is one kind of store, with the real server behind it.
type kind struct {
	name    string
	open    func(t testing.TB) (url string, o Options) // an empty store
	guarded bool                                       // it asks for credentials
}

var kinds = []kind{
	{"directory", func(t testing.TB) (string, Options) {
		return "file://" + filepath.Join(t.TempDir(), "a shared disk"), Options{}
	}, false},
	{"bucket", swift, true},
	{
		"registry",
		func(t testing.TB) (string, Options) { return "oci://" + distribution(t, "") + "/apps/hello", Options{} },
		false,
	},
	{"guarded registry", func(t testing.TB) (string, Options) {
		// The password's bcrypt hash, as `htpasswd -nbB builder notasecret` prints it.
		passwords := filepath.Join(t.TempDir(), "htpasswd")
		check(
			t,
			os.WriteFile(
				passwords,
				[]byte("builder:$2b$04$Z5YO49Gc.egnbMYdAZJurOpqnxAc4qv/avBVHboXz8IX7bJYYz3im\n"),
				0o600,
			),
		)
		o := Options{
			Settings: map[string]string{"SLUGC_REGISTRY_USER": "builder", "SLUGC_REGISTRY_PASSWORD": "notasecret"},
		}
		return "oci://" + distribution(
			t,
			fmt.Sprintf("auth: {htpasswd: {realm: slugs, path: %q}}\n", passwords),
		) + "/apps/hello", o
	}, true},
}

// free gives an address on loopback that nobody listens on.
func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().String()
}

// serve starts a server that a test needs; it ends with the test. The function given waits until it
// answers at the URL. Where it is not installed the test fails.
func serve(t testing.TB, ready string, name string, args ...string) (wait func()) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed, which .ci/setup does: %v", name, err)
	}
	var out bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, t.TempDir()
	check(t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	return func() {
		for {
			if resp, err := http.Get(ready); err == nil {
				resp.Body.Close()
				return
			}
			select {
			case <-ended:
				t.Fatalf("%s has ended:\n%s", name, out.String())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// distribution starts Debian's registry, CNCF's distribution, and gives its address.
func distribution(t testing.TB, more string) string {
	t.Helper()
	addr, dir := free(t), t.TempDir()
	config := filepath.Join(dir, "config.yml")
	check(
		t,
		os.WriteFile(
			config,
			fmt.Appendf(
				nil,
				"version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n%s",
				filepath.Join(dir, "data"),
				addr,
				more,
			),
			0o600,
		),
	)
	serve(t, "http://"+addr+"/v2/", "docker-registry", "serve", config)()
	return addr
}
