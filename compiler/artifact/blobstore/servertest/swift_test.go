package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"

	"slugc/cache/testkit"
	"slugc/compiler/artifact/blobstore"
)

// swiftKeys are the credentials of a server's only user.
var swiftKeys = map[string]string{"AWS_ACCESS_KEY_ID": "slugs:builder", "AWS_SECRET_ACCESS_KEY": "notasecret"}

const swiftConfig = `[DEFAULT]
bind_ip = %s
bind_port = %s
workers = 0
user = %s
swift_dir = %s
log_level = ERROR
%s`

const storageConfig = `devices = %s/disks
mount_check = false
[pipeline:main]
pipeline = %[2]s-server
[app:%[2]s-server]
use = egg:swift#%[2]s
`

const proxyConfig = `[pipeline:main]
pipeline = catch_errors cache s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_slugs_builder = notasecret .admin
`

// swift starts Debian's OpenStack Swift, whose proxy speaks S3's protocol, on one disk without
// replicas, and returns the URL of a new bucket.
func swift(t testing.TB) (string, blobstore.Options) {
	t.Helper()
	testkit.NeedsTools(t, "swift")
	dir := t.TempDir()
	me, err := user.Current()
	check(t, err)
	check(t, os.MkdirAll(filepath.Join(dir, "disks", "d1"), 0o755))
	config := func(name, addr, more string) string {
		host, port, _ := strings.Cut(addr, ":")
		file := filepath.Join(dir, name+".conf")
		testkit.Write(t, file, fmt.Sprintf(swiftConfig, host, port, me.Username, dir, more))
		return file
	}
	addrs := map[string]string{}
	for _, name := range []string{"account", "container", "object"} {
		addrs[name] = freeAddress(t)
	}
	check(t, rings(dir, addrs))
	var waits []func()
	for name, addr := range addrs {
		file := config(name, addr, fmt.Sprintf(storageConfig, dir, name))
		waits = append(waits, serve(t, "http://"+addr+"/", "swift-"+name+"-server", file))
	}
	addr := freeAddress(t)
	waits = append(waits, serve(t, "http://"+addr+"/", "swift-proxy-server", config("proxy", addr, proxyConfig)))
	for _, wait := range waits {
		wait()
	}
	client, err := minio.New(addr, &minio.Options{
		Creds:  credentials.NewStaticV4(swiftKeys["AWS_ACCESS_KEY_ID"], swiftKeys["AWS_SECRET_ACCESS_KEY"], ""),
		Region: "us-east-1",
	})
	check(t, err)
	check(t, client.MakeBucket(t.Context(), "slugs", minio.MakeBucketOptions{}))
	url := "s3://slugs/some/where?endpoint=http://" + addr + "&region=us-east-1"
	return url, blobstore.Options{Credentials: swiftKeys}
}

// rings writes which server keeps what: one disk keeps everything.
func rings(dir string, addrs map[string]string) error {
	var group errgroup.Group
	for name, addr := range addrs {
		group.Go(func() error {
			for _, args := range [][]string{
				{"create", "4", "1", "0"}, {"add", "r1z1-" + addr + "/d1", "1"}, {"rebalance"},
			} {
				args = append([]string{filepath.Join(dir, name+".builder")}, args...)
				cmd := exec.Command("swift-ring-builder", args...)
				if out, err := cmd.CombinedOutput(); err != nil {
					return fmt.Errorf("running swift-ring-builder, which .ci/setup installs: %w\n%s", err, out)
				}
			}
			return nil
		})
	}
	return group.Wait()
}
