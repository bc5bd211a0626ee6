package blobstore

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
)

// swiftKeys are the credentials of the one user of a test's server.
var swiftKeys = map[string]string{"AWS_ACCESS_KEY_ID": "slugs:builder", "AWS_SECRET_ACCESS_KEY": "notasecret"}

// swift starts Debian's OpenStack Swift, whose proxy speaks S3's protocol, on one disk without
// replicas, and gives the URL of a new bucket.
func swift(t testing.TB) (url string, o Options) {
	t.Helper()
	dir := t.TempDir()
	me, err := user.Current()
	check(t, err)
	check(t, os.MkdirAll(filepath.Join(dir, "disks", "d1"), 0o755))
	config := func(name, addr, more string) string {
		host, port, _ := strings.Cut(addr, ":")
		file := filepath.Join(dir, name+".conf")
		check(
			t,
			os.WriteFile(
				file,
				fmt.Appendf(
					nil,
					"[DEFAULT]\nbind_ip = %s\nbind_port = %s\nworkers = 0\nuser = %s\nswift_dir = %s\nlog_level = ERROR\n%s",
					host,
					port,
					me.Username,
					dir,
					more,
				),
				0o600,
			),
		)
		return file
	}
	addrs := map[string]string{"account": free(t), "container": free(t), "object": free(t)}
	check(t, rings(dir, addrs))
	var waits []func()
	for name, addr := range addrs {
		file := config(
			name,
			addr,
			fmt.Sprintf(
				"devices = %s/disks\nmount_check = false\n[pipeline:main]\npipeline = %[2]s-server\n[app:%[2]s-server]\nuse = egg:swift#%[2]s\n",
				dir,
				name,
			),
		)
		waits = append(waits, serve(t, "http://"+addr+"/", "swift-"+name+"-server", file))
	}
	addr := free(t)
	waits = append(waits, serve(t, "http://"+addr+"/", "swift-proxy-server", config("proxy", addr, `[pipeline:main]
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
`)))
	for _, wait := range waits {
		wait()
	}
	client, err := minio.New(
		addr,
		&minio.Options{
			Creds:  credentials.NewStaticV4(swiftKeys["AWS_ACCESS_KEY_ID"], swiftKeys["AWS_SECRET_ACCESS_KEY"], ""),
			Region: "us-east-1",
		},
	)
	check(t, err)
	check(t, client.MakeBucket(t.Context(), "slugs", minio.MakeBucketOptions{}))
	return "s3://slugs/some/where?endpoint=http://" + addr + "&region=us-east-1", Options{Settings: swiftKeys}
}

// rings writes down which server keeps what: one disk keeps all.
func rings(dir string, addrs map[string]string) error {
	var group errgroup.Group
	for name, addr := range addrs {
		group.Go(func() error {
			for _, args := range [][]string{{"create", "4", "1", "0"}, {"add", "r1z1-" + addr + "/d1", "1"}, {"rebalance"}} {
				cmd := exec.Command(
					"swift-ring-builder",
					append([]string{filepath.Join(dir, name+".builder")}, args...)...)
				if out, err := cmd.CombinedOutput(); err != nil {
					return fmt.Errorf("running swift-ring-builder, which .ci/setup installs: %w\n%s", err, out)
				}
			}
			return nil
		})
	}
	return group.Wait()
}
