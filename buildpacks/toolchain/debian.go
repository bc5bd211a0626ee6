package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Debian says how packages of the machine's Debian (or a system made from it) are fetched. The zero
// value switches that off.
type Debian struct {
	Bin string   // the directory of apt-get, apt-cache and dpkg-deb: "/usr/bin"
	Env []string // for apt, "NAME=value": proxies
}

// debian fetches and unpacks packages of the machine's configured sources without installing any.
// apt verifies them: the lists by their signature, the packages by the lists. Its state and cache
// lie in the store, so that nothing of the machine's is changed and any user may do it. It knows of
// no installed package, so that what is here does not decide what is fetched.
type debian struct {
	set Debian
	dir string // its state
}

const (
	aptTime = 5 * time.Minute
	aptTail = 8 << 10
)

// aptConf is read after the machine's own configuration: it has the last word. Hooks of the
// machine's are switched off.
const aptConf = `Dir::State "@DIR@/state";
Dir::State::status "@DIR@/state/status";
Dir::Cache "@DIR@/cache";
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

// prepare lays the state out.
func (d *debian) prepare() error {
	if strings.ContainsAny(d.dir, "\"\\\n{};") {
		return fmt.Errorf("apt can't keep its state in %q", d.dir)
	}
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial", "log"} {
		if err := os.MkdirAll(filepath.Join(d.dir, filepath.FromSlash(sub)), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(d.dir, "state", "status"), nil, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, "apt.conf"), []byte(strings.ReplaceAll(aptConf, "@DIR@", d.dir)), 0o644)
}

// updated is when the lists were last fetched whole.
func (d *debian) updated() time.Time {
	info, err := os.Stat(filepath.Join(d.dir, "updated"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// update fetches the lists. Unchanged ones cost a question each.
func (d *debian) update(ctx context.Context, now time.Time) error {
	if _, err := d.run(ctx, d.dir, "apt-get", "-q", "--error-on=any", "update"); err != nil {
		return err
	}
	stamp := filepath.Join(d.dir, "updated")
	if err := os.WriteFile(stamp, nil, 0o644); err != nil {
		return err
	}
	return os.Chtimes(stamp, now, now)
}

// names lists the packages whose names begin with prefix.
func (d *debian) names(ctx context.Context, prefix string) ([]string, error) {
	out, err := d.run(ctx, d.dir, "apt-cache", "pkgnames", prefix)
	return strings.Fields(string(out)), err
}

// versions lists the versions of packages, as Debian writes them: "3.1.7-1~deb12u2".
func (d *debian) versions(ctx context.Context, packages ...string) (map[string][]string, error) {
	out, err := d.run(ctx, d.dir, "apt-cache", append([]string{"madison"}, packages...)...)
	found := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(line, "|"); len(f) == 3 && !strings.HasSuffix(strings.TrimSpace(f[2]), " Sources") {
			name := strings.TrimSpace(f[0])
			found[name] = append(found[name], strings.TrimSpace(f[1]))
		}
	}
	return found, err
}

// upstreamOf is what of a package's version is the authors': Debian writes an older release that
// replaces a newer one as "3.1.7+really3.1.2-0+deb12u1", which is 3.1.2.
func upstreamOf(version string) string {
	if _, really, ok := strings.Cut(version, "+really"); ok {
		return really
	}
	return version
}

// closure lists, as "name=version", everything that the given packages need, with themselves.
func (d *debian) closure(ctx context.Context, wanted ...string) ([]string, error) {
	out, err := d.run(
		ctx,
		d.dir,
		"apt-get",
		append([]string{"install", "--simulate", "-q", "--no-install-recommends"}, wanted...)...)
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
func (d *debian) download(ctx context.Context, dir string, packages []string) error {
	_, err := d.run(ctx, dir, "apt-get", append([]string{"-q", "download"}, packages...)...)
	return err
}

// unpack unpacks a package file below a directory. No script of the package runs.
func (d *debian) unpack(ctx context.Context, file, dir string) error {
	_, err := d.run(ctx, d.dir, "dpkg-deb", "-x", file, dir)
	return err
}

// run runs one of Debian's programs and returns what it prints.
func (d *debian) run(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(
		ctx,
		aptTime,
		passing{fmt.Errorf("%s takes longer than %s", program, aptTime)},
	)
	defer cancel()
	if program != "dpkg-deb" {
		args = append([]string{"-c", filepath.Join(d.dir, "apt.conf")}, args...)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(d.set.Bin, program), args...)
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	cmd.Env = append(
		[]string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"LC_ALL=C",
			"DEBIAN_FRONTEND=noninteractive",
			"HOME=" + d.dir,
		},
		d.set.Env...)
	var out, tail bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &tail
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
	return nil, aptError(program, tail.Bytes())
}

// aptError is the first error line that apt printed.
func aptError(program string, tail []byte) error {
	text := string(tail[max(0, len(tail)-aptTail):])
	err := fmt.Errorf("running %s: it failed", program)
	for line := range strings.Lines(text) {
		if said, ok := strings.CutPrefix(strings.TrimSpace(line), "E: "); ok {
			err = fmt.Errorf("running %s: %s", program, clip(said, 200))
			break
		}
	}
	for _, sign := range []string{"Temporary failure", "Could not resolve", "Could not connect", "Connection failed", "timed out", "Unable to connect"} {
		if strings.Contains(text, sign) {
			return passing{err}
		}
	}
	return err
}
