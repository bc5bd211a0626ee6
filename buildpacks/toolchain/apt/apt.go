// Package apt is Debian's packages, unpacked and never installed, as a source of toolchains.
//
// [Client] runs the machine's apt and dpkg-deb: apt verifies the lists by their signature and the
// packages by the lists. Its state and cache are in the store, so nothing of the machine's is
// changed and any user may do it. It knows of no installed package, so what is on the machine does
// not decide what is fetched. No script of a package runs.
//
// [Source] makes a toolchain of packages; a tool states which ones, and makes its tree of them:
//
//	&apt.Source{
//		Client: client,
//		Packages: apt.Packages{
//			Prefix: "leiningen", Name: regexp, Version: apt.Upstream(form), Compare: source.CompareSemver,
//		},
//		Place: func(ctx context.Context, debs []string, f apt.Found, j *source.Job) error { … },
//	}
//
// It knows no tool, and serves only the machine's own platform.
package apt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"slugc/buildpacks/toolchain/source"
	"slugc/cache/disk"
)

// Settings configures how packages of the machine's Debian (or a system made from it) are fetched.
// The zero value disables the source.
type Settings struct {
	Bin string   // the directory of apt-get, apt-cache and dpkg-deb: "/usr/bin"
	Env []string // for apt, "NAME=value": proxies
}

// Client runs Debian's programs for a store. One process at a time uses the state; see
// [Client.use].
type Client struct {
	env *source.Env
	set Settings
	dir string // of the state
}

// NewClient returns the client of a store.
func NewClient(env *source.Env, set Settings) *Client {
	// apt's configuration names this place, which must stay true for whoever reaches the store by
	// another link.
	dir := env.Dir
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return &Client{env: env, set: set, dir: filepath.Join(dir, ".apt")}
}

const (
	programTime = 5 * time.Minute
	maxTail     = 8 << 10 // bytes of what apt prints in which its error is looked for
)

// conf is read after the machine's own configuration, so it has the last word. Hooks of the
// machine's are switched off. Images of containers often tell apt to keep no parsed lists: every
// question would parse them all.
const conf = `Dir::State "@DIR@/state";
Dir::State::status "@DIR@/state/status";
Dir::Cache "@DIR@/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
Dir::Log "@DIR@/log";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
APT::Sandbox::User "root";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";
`

// withoutPackages makes an update fetch only what the package sources sign.
const withoutPackages = `Acquire::IndexTargets::deb::Packages::DefaultEnabled "false";
Acquire::Retries "0";
`

// enabled reports whether the programs are there, and the target is the machine's platform.
func (c *Client) enabled() bool {
	if c.set.Bin == "" || c.env.OS != runtime.GOOS || c.env.Arch != runtime.GOARCH {
		return false
	}
	for _, program := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := os.Stat(filepath.Join(c.set.Bin, program)); err != nil {
			return false
		}
	}
	return true
}

// endpoints are the package sources, for all tools.
func (c *Client) endpoints() []source.Endpoint {
	if !c.enabled() {
		return source.Off(sourceName)
	}
	return []source.Endpoint{{Name: sourceName, Address: c.set.Bin, Check: c.check}}
}

// check asks the package sources for their signed indexes, with a state of its own.
func (c *Client) check(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "slugc-apt-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	own := &Client{env: c.env, set: c.set, dir: dir}
	if err := own.prepare(withoutPackages); err != nil {
		return err
	}
	return own.update(ctx)
}

// use runs f while no other process uses the state.
func (c *Client) use(ctx context.Context, f func() error) error {
	unlock, err := c.env.Lock(ctx, "apt")
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.prepare(""); err != nil {
		return err
	}
	return f()
}

// prepare lays the state out. more is added to the configuration.
func (c *Client) prepare(more string) error {
	if strings.ContainsAny(c.dir, "\"\\\n{};") {
		return fmt.Errorf("apt can't keep its state in %q", c.dir)
	}
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial", "log"} {
		if err := os.MkdirAll(filepath.Join(c.dir, filepath.FromSlash(sub)), 0o755); err != nil {
			return err
		}
	}
	// A file that is written again is a newer one, and what apt has parsed is then out of date.
	status, err := os.OpenFile(filepath.Join(c.dir, "state", "status"), os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := status.Close(); err != nil {
		return err
	}
	text := strings.ReplaceAll(conf, "@DIR@", c.dir) + more
	return os.WriteFile(filepath.Join(c.dir, "apt.conf"), []byte(text), 0o644)
}

// updated is when the lists were last fetched whole.
func (c *Client) updated() time.Time {
	info, err := os.Stat(filepath.Join(c.dir, "updated"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// update fetches the lists. An unchanged one costs one request.
func (c *Client) update(ctx context.Context) error {
	if _, err := c.run(ctx, c.dir, "apt-get", "-q", "--error-on=any", "update"); err != nil {
		return err
	}
	stamp, now := filepath.Join(c.dir, "updated"), c.env.Now()
	if err := os.WriteFile(stamp, nil, 0o644); err != nil {
		return err
	}
	return os.Chtimes(stamp, now, now)
}

// names lists the packages whose names start with prefix.
func (c *Client) names(ctx context.Context, prefix string) ([]string, error) {
	out, err := c.run(ctx, c.dir, "apt-cache", "pkgnames", prefix)
	return strings.Fields(string(out)), err
}

// versions lists the versions of packages, as Debian writes them: "3.1.7-1~deb12u2". The newest
// comes first.
func (c *Client) versions(ctx context.Context, packages ...string) (map[string][]string, error) {
	out, err := c.run(ctx, c.dir, "apt-cache", append([]string{"madison"}, packages...)...)
	found := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(line, "|"); len(f) == 3 && !strings.HasSuffix(strings.TrimSpace(f[2]), " Sources") {
			name := strings.TrimSpace(f[0])
			found[name] = append(found[name], strings.TrimSpace(f[1]))
		}
	}
	return found, err
}

// closure lists, as "name=version", all that the packages need, with themselves.
func (c *Client) closure(ctx context.Context, packages ...string) ([]string, error) {
	args := append([]string{"install", "--simulate", "-q", "--no-install-recommends"}, packages...)
	out, err := c.run(ctx, c.dir, "apt-get", args...)
	var all []string
	for line := range strings.Lines(string(out)) {
		// Inst libyaml-0-2 (0.2.5-1 Debian:12.10/stable [amd64])
		if f := strings.Fields(line); len(f) > 2 && f[0] == "Inst" && strings.HasPrefix(f[2], "(") {
			all = append(all, f[1]+"="+f[2][1:])
		}
	}
	return all, err
}

// download fetches packages, "name=version", into a directory.
func (c *Client) download(ctx context.Context, dir string, packages []string) error {
	_, err := c.run(ctx, dir, "apt-get", append([]string{"-q", "download"}, packages...)...)
	return err
}

// Unpack unpacks packages' files below a directory, which is made where it is missing.
func (c *Client) Unpack(ctx context.Context, dir string, debs ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, deb := range debs {
		if _, err := c.run(ctx, c.dir, "dpkg-deb", "-x", deb, dir); err != nil {
			return err
		}
	}
	return nil
}

// run runs one of Debian's programs and returns what it prints.
func (c *Client) run(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	slow := source.Transient(fmt.Errorf("%s takes longer than %s", program, programTime))
	ctx, cancel := context.WithTimeoutCause(ctx, programTime, slow)
	defer cancel()
	if program != "dpkg-deb" {
		args = append([]string{"-c", filepath.Join(c.dir, "apt.conf")}, args...)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.set.Bin, program), args...)
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	cmd.Env = append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "HOME=" + c.dir,
	}, c.set.Env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		return nil, fmt.Errorf("running %s: %w", program, err)
	}
	return nil, disk.Reported(programError(program, errs.Bytes()), errs.String())
}

// networkSigns are in what apt prints where it did not reach a package source.
var networkSigns = []string{
	"Temporary failure", "Could not resolve", "Could not connect", "Connection failed", "timed out",
	"Unable to connect",
}

// programError is the first error line that apt printed.
func programError(program string, printed []byte) error {
	text := string(printed[max(0, len(printed)-maxTail):])
	err := fmt.Errorf("running %s: it failed", program)
	for line := range strings.Lines(text) {
		if reason, ok := strings.CutPrefix(strings.TrimSpace(line), "E: "); ok {
			err = fmt.Errorf("running %s: %s", program, source.Clip(reason, 200))
			break
		}
	}
	for _, sign := range networkSigns {
		if strings.Contains(text, sign) {
			return source.Transient(err)
		}
	}
	return err
}
