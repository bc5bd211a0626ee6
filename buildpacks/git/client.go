package git

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"slugc/cache/disk"
)

// Client runs git against other machines.
type Client struct {
	Program string   // git, absolute
	Search  string   // PATH
	Env     []string // of which proxies, certificates and the agent of ssh are passed on
	Limit   int64    // bytes of the largest file that it may write
	// User is who asks over http and https; nil for nobody. Only the server of the address gets it.
	User *url.Userinfo
	// Redirects lets a server of http or https name another address for a repository, unless User is set.
	Redirects bool
}

// network names the variables that some networks need.
var network = []string{
	"HTTP_PROXY",
	"HTTPS_PROXY",
	"NO_PROXY",
	"ALL_PROXY",
	"http_proxy",
	"https_proxy",
	"no_proxy",
	"all_proxy",
	"SSL_CERT_FILE",
	"SSL_CERT_DIR",
	"CURL_CA_BUNDLE",
	"GIT_SSL_CAINFO",
}

// settings are git's for what it fetches: every object is checked, and no hook, helper, background job or redirect
// runs.
var settings = []string{
	"transfer.fsckObjects=true",
	"fetch.unpackLimit=1",
	"core.fsync=all",
	"core.hooksPath=/dev/null",
	"credential.helper=",
	"core.askPass=",
	"gc.auto=0",
	"maintenance.auto=false",
	"http.followRedirects=false",
	"http.lowSpeedLimit=1000",
	"http.lowSpeedTime=60",
}

// Fetch runs `git fetch` in the repository at dir with more arguments; from gives the protocol that it may speak.
func (c Client) Fetch(ctx context.Context, dir string, from Remote, args ...string) error {
	return c.run(ctx, &Output{}, dir, from, append([]string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules",
		"--no-write-fetch-head", "--no-auto-gc"}, args...))
}

// maxListed bounds how much of a server's list of refs is read, in bytes.
const maxListed = 16 << 20

// List returns the objects that the refs of a repository lead to, by their full names, as `git ls-remote` does:
// "HEAD", "refs/heads/main", "refs/tags/v1^{}". A server may leave out those that match no pattern.
func (c Client) List(ctx context.Context, dir string, from Remote, patterns ...string) (map[string]string, error) {
	out := &Output{Limit: maxListed}
	args := append([]string{"ls-remote", "--quiet", "--", from.Argument()}, patterns...)
	if err := c.run(ctx, out, dir, from, args); err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range bytes.Lines(out.Bytes()) {
		if id, name, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), "\t"); ok && IsID(id) {
			refs[name] = id
		}
	}
	return refs, nil
}

// run runs git. A shell limits the size of files that it may write, because Go cannot start a process with a limit.
// The limit's signal is ignored, so that git reports the error.
func (c Client) run(ctx context.Context, out *Output, dir string, from Remote, args []string) error {
	blocks := strconv.FormatInt(c.Limit/512+1, 10)
	line := []string{"-c", `trap '' XFSZ; ulimit -f "$0"; exec "$@"`, blocks, c.Program, "-C", dir}
	for _, setting := range settings {
		line = append(line, "-c", setting)
	}
	if c.Redirects && c.User == nil {
		line = append(line, "-c", "http.followRedirects=initial")
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", append(line, args...)...)
	cmd.Env = c.environment(dir, from)
	stderr := &Output{}
	cmd.Stdout, cmd.Stderr = out, stderr
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// The kernel sends Pdeathsig when the thread that started the child ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &Error{Verb: args[0], Stderr: stderr.String(), Err: disk.Reported(err, stderr.String())}
	}
	return nil
}

// environment is git's, with the credentials of an http server where no other process's user can see them.
func (c Client) environment(dir string, from Remote) []string {
	env := append(Pick(c.Env, network...),
		"PATH="+c.Search, "LC_ALL=C", "HOME="+dir, // no .netrc
		"GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_ALLOW_PROTOCOL="+from.Scheme, "GIT_NO_REPLACE_OBJECTS=1", "GIT_TERMINAL_PROMPT=0")
	switch {
	case from.Scheme == "ssh":
		env = append(append(env, Pick(c.Env, "SSH_AUTH_SOCK")...), "GIT_SSH_VARIANT=ssh",
			"GIT_SSH_COMMAND=ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=20 "+
				"-o ServerAliveInterval=20 -o ClearAllForwardings=yes")
	case c.User != nil && (from.Scheme == "https" || from.Scheme == "http"):
		password, _ := c.User.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(c.User.Username() + ":" + password))
		env = append(env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader",
			"GIT_CONFIG_VALUE_0=Authorization: Basic "+basic)
	}
	return env
}

// Init makes an empty bare repository at dir, an existing directory, for objects with ids as long as id.
func (c Client) Init(ctx context.Context, dir, id string) error {
	format := "sha1"
	if len(id) == 64 {
		format = "sha256"
	}
	_, err := c.Local(ctx, dir, "init", "--quiet", "--bare", "--template=", "--object-format="+format)
	return err
}

// Local runs git with the repository at dir alone, which it only reads, and returns the start of what it prints.
func (c Client) Local(ctx context.Context, dir string, args ...string) (*Output, error) {
	out, stderr := &Output{Limit: maxListed}, &Output{}
	cmd := c.Command(ctx, dir, args...)
	cmd.Stdout, cmd.Stderr = out, stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &Error{Verb: args[0], Stderr: stderr.String(), Err: disk.Reported(err, stderr.String())}
	}
	return out, nil
}

// Command prepares a git child as [Client.Local] runs it.
func (c Client) Command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Program, append([]string{"-C", dir}, args...)...)
	cmd.Env = LocalEnv(c.Search, dir)
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// LocalEnv is an environment in which git only reads, and only the repository at dir.
func LocalEnv(search, dir string) []string {
	return []string{
		"PATH=" + search, "LC_ALL=C",
		"GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir), // the repository is here or nowhere
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		// a partial clone's configuration must not have git run a transport
		"GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
	}
}

// RemoveLocks removes git's locks below a repository, which would stop every later fetch, and half-written packs. No
// ref ends in .lock. Nobody may be fetching into it.
func RemoveLocks(dir string) error {
	return filepath.WalkDir(dir, func(file string, d os.DirEntry, err error) error {
		name := filepath.Base(file)
		if err != nil || d.IsDir() || filepath.Ext(name) != ".lock" && !strings.HasPrefix(name, "tmp_") {
			return err
		}
		return os.Remove(file)
	})
}
