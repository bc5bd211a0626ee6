package servertest

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/artifact/blobstore"
)

func directory(t testing.TB) (string, blobstore.Options) {
	return "file://" + filepath.Join(t.TempDir(), "a shared disk"), blobstore.Options{}
}

func registry(t testing.TB) (string, blobstore.Options) {
	return "oci://" + distribution(t, "") + "/apps/hello", blobstore.Options{}
}

// guardedRegistry is a registry that asks for credentials.
func guardedRegistry(t testing.TB) (string, blobstore.Options) {
	// The password's bcrypt hash, as `htpasswd -nbB builder notasecret` prints it.
	const hash = "builder:$2b$04$Z5YO49Gc.egnbMYdAZJurOpqnxAc4qv/avBVHboXz8IX7bJYYz3im\n"
	passwords := filepath.Join(t.TempDir(), "htpasswd")
	testkit.Write(t, passwords, hash)
	addr := distribution(t, fmt.Sprintf("auth: {htpasswd: {realm: slugs, path: %q}}\n", passwords))
	return "oci://" + addr + "/apps/hello", blobstore.Options{Credentials: map[string]string{
		"SLUGC_REGISTRY_USER": "builder", "SLUGC_REGISTRY_PASSWORD": "notasecret",
	}}
}

// freeAddress is an address on loopback that nobody listens on.
func freeAddress(t testing.TB) string { return fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t)) }

// serve starts a server, which ends with the test. The function that it returns waits until the
// server answers at the URL. The test fails if the server is not installed.
func serve(t testing.TB, url string, name string, args ...string) (wait func()) {
	t.Helper()
	testkit.NeedsTools(t, name)
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
			if resp, err := http.Get(url); err == nil {
				_ = resp.Body.Close()
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

// distributionConfig is the registry's configuration file: the directory of its data, its address,
// and more.
const distributionConfig = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %q}}
http: {addr: %q}
%s`

// distribution starts Debian's registry, CNCF's distribution, and returns its address.
func distribution(t testing.TB, more string) string {
	t.Helper()
	addr, dir := freeAddress(t), t.TempDir()
	config := filepath.Join(dir, "config.yml")
	testkit.Write(t, config, fmt.Sprintf(distributionConfig, filepath.Join(dir, "data"), addr, more))
	serve(t, "http://"+addr+"/v2/", "docker-registry", "serve", config)()
	return addr
}
