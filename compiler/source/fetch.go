package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"slugc/cache/unpack"
	"slugc/compiler/fault"
)

// fetcher fetches submodules into repositories of their own, one a URL. Nothing of the hosting
// repository reaches them: neither its configuration nor the objects of a push in quarantine.
type fetcher struct {
	Submodules
	allow   []pattern
	program string
	search  string
	env     []string // the caller's
	limit   int64    // bytes of one fetch
	seen    int      // submodules
	repos   map[string]*repository
}

// network names the variables without which some networks cannot be used.
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

// fetchTime is how long a fetch may take if Submodules does not say.
const fetchTime = 5 * time.Minute

func newFetcher(spec Spec, host *repository, limit int64) (*fetcher, error) {
	f := &fetcher{
		Submodules: spec.Submodules,
		program:    host.program,
		search:     host.search,
		env:        spec.Env,
		limit:      limit,
		repos:      map[string]*repository{},
	}
	for _, text := range f.Allow {
		p, err := parsePattern(text)
		if err != nil {
			return nil, err
		}
		f.allow = append(f.allow, p)
	}
	f.Timeout = cmp.Or(f.Timeout, fetchTime)
	return f, nil
}

// allowed reads a submodule's URL and holds it to the patterns.
func (f *fetcher) allowed(name, raw string, base remote) (remote, error) {
	r, err := resolve(base, raw)
	if err != nil {
		return r, noSubmodule(
			name,
			fmt.Errorf("can't be fetched from %s: its URL %w", shown(raw), err),
			"give it another URL in .gitmodules",
		)
	}
	for _, p := range f.allow {
		if p.allows(r) {
			return r, nil
		}
	}
	return r, noSubmodule(
		name,
		fmt.Errorf("is at %s, which is not allowed", shown(r.String())),
		"allow its URL with `--allow-submodules PATTERN`, of `slugc build --ref` or, for pushes, of `slugc hook install`",
	)
}

// repository returns the repository that holds a submodule's commit, fetched if it is not there
// yet.
func (f *fetcher) repository(ctx context.Context, link gitlink, from remote) (*repository, error) {
	if f.Cache == "" {
		return nil, errors.New("fetching submodules: there is no directory to keep them in")
	}
	if err := os.MkdirAll(f.Cache, 0o700); err != nil {
		return nil, fmt.Errorf("fetching submodules: %w", err)
	}
	cache, err := filepath.EvalSymlinks(f.Cache)
	if err != nil {
		return nil, fmt.Errorf("fetching submodules: %w", err)
	}
	// Repositories of different hashes can't hold each other's objects.
	key := sha256.Sum256([]byte(strconv.Itoa(len(link.oid)) + " " + from.argument()))
	dir := filepath.Join(cache, hex.EncodeToString(key[:16])+".git")
	r := f.repos[dir]
	if r == nil {
		r = newRepository(f.program, f.search, dir)
		r.mend = fmt.Sprintf("remove %s, where the submodule is kept, and it is fetched anew", dir)
		f.repos[dir] = r
	}
	if f.kept(ctx, r, link.oid) {
		return r, nil
	}
	if f.Fetching != nil {
		f.Fetching(link.path, from.String())
	}
	limited, cancel := context.WithTimeoutCause(ctx, f.Timeout, errFetchTime)
	defer cancel()
	err = f.fetch(limited, r, link.oid, from)
	if err == nil && !f.kept(ctx, r, link.oid) {
		err = errNotThere
	}
	if err != nil {
		_ = sweep(dir) // tried again before the next fetch
	}
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return r, f.explain(err, link, from)
}

// kept says whether a commit was fetched: git makes the ref when everything below it is there.
func (f *fetcher) kept(ctx context.Context, r *repository, oid string) bool {
	if _, err := os.Stat(r.dir); err != nil {
		return false
	}
	out, err := r.output(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", "refs/kept/"+oid+"^{commit}")
	return err == nil && out == oid
}

// fetch fetches a commit alone, or, from a server that does not give single commits, everything.
func (f *fetcher) fetch(ctx context.Context, r *repository, oid string, from remote) error {
	if err := prepare(ctx, r, oid); err != nil {
		return err
	}
	err := f.git(ctx, r, from, "--depth=1", "--", from.argument(), "+"+oid+":refs/kept/"+oid)
	if !says(err, "does not allow request for unadvertised object", "does not support shallow") {
		return err
	}
	if err := f.git(ctx, r, from, "--prune", "--", from.argument(), "+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*"); err != nil {
		return err
	}
	// Only what a fetched ref leads to is there in full.
	within, err := r.output(ctx, "for-each-ref", "--count=1", "--contains", oid, "refs/all")
	if err != nil || within == "" {
		return errNotThere
	}
	_, err = r.output(ctx, "update-ref", "refs/kept/"+oid, oid)
	return err
}

// prepare makes the repository, or clears away what a killed fetch has left in it.
func prepare(ctx context.Context, r *repository, oid string) error {
	if _, err := os.Stat(r.dir); err == nil {
		return sweep(r.dir)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(r.dir), ".new-*"))
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	fresh, err := os.MkdirTemp(filepath.Dir(r.dir), ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	format := "sha1"
	if len(oid) == 64 {
		format = "sha256"
	}
	if _, err := newRepository(r.program, r.search, fresh).output(ctx, "init", "--quiet", "--bare", "--template=", "--object-format="+format); err != nil {
		return err
	}
	return os.Rename(fresh, r.dir)
}

// sweep removes git's locks, which would stop every later fetch, and half-written packs. No ref
// ends in .lock.
func sweep(dir string) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		name := filepath.Base(file)
		if err != nil || d.IsDir() || filepath.Ext(name) != ".lock" && !strings.HasPrefix(name, "tmp_") {
			return err
		}
		return os.Remove(file)
	})
}

// fetchSettings are git's for a fetch: every object is checked, no hook, helper, background job or
// redirect.
var fetchSettings = []string{
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

// git runs `git fetch`. A shell sets the limit on what it may write, as a process can't be started
// with one otherwise; with the limit's signal ignored git says what went wrong.
func (f *fetcher) git(ctx context.Context, r *repository, from remote, args ...string) error {
	line := []string{
		"-c",
		`trap '' XFSZ; ulimit -f "$0"; exec "$@"`,
		strconv.FormatInt(f.limit/512+1, 10),
		r.program,
		"-C",
		r.dir,
	}
	for _, setting := range fetchSettings {
		line = append(line, "-c", setting)
	}
	line = append(
		line,
		"fetch",
		"--quiet",
		"--no-tags",
		"--no-recurse-submodules",
		"--no-write-fetch-head",
		"--no-auto-gc",
	)
	cmd := exec.CommandContext(ctx, "/bin/sh", append(line, args...)...)
	cmd.Env = append(only(f.env, network),
		"PATH="+f.search, "LC_ALL=C", "HOME="+r.dir, // no .netrc
		"GIT_CEILING_DIRECTORIES="+filepath.Dir(r.dir), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_ALLOW_PROTOCOL="+from.scheme, "GIT_NO_REPLACE_OBJECTS=1", "GIT_TERMINAL_PROMPT=0")
	if from.scheme == "ssh" {
		cmd.Env = append(
			append(cmd.Env, only(f.env, []string{"SSH_AUTH_SOCK"})...),
			"GIT_SSH_VARIANT=ssh",
			"GIT_SSH_COMMAND=ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=20 -o ServerAliveInterval=20 -o ClearAllForwardings=yes",
		)
	}
	stderr := &tail{}
	cmd.Stderr = stderr
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// The kernel sends Pdeathsig when the thread ends that started the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &gitError{verb: "fetch", stderr: stderr.buf.String(), err: err}
	}
	return nil
}

var (
	errFetchTime = errors.New("not done in time")
	errNotThere  = errors.New("no such commit there")
)

// offline are what git and its helpers say, in lower case, when a server can't be reached or breaks
// off.
var offline = []string{
	"could not resolve",
	"connection refused",
	"connection reset",
	"connection timed out",
	"failed to connect",
	"unable to connect",
	"couldn't connect",
	"network is unreachable",
	"no route to host",
	"temporary failure",
	"operation too slow",
	"operation timed out",
	"timeout",
	"early eof",
	"hung up unexpectedly",
	"unexpected disconnect",
	"broken pipe",
	"rpc failed",
	"empty reply",
	"returned error: 429",
	"returned error: 5",
}

// says tells whether git has said one of the texts, whatever the case.
func says(err error, texts ...string) bool {
	e, ok := errors.AsType[*gitError](err)
	if !ok {
		return false
	}
	said := strings.ToLower(e.stderr)
	for _, text := range texts {
		if strings.Contains(said, text) {
			return true
		}
	}
	return false
}

// explain gives an error of a fetch its owner.
func (f *fetcher) explain(err error, link gitlink, from remote) error {
	what := fmt.Sprintf("submodule %q from %q", link.path, from)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNotThere), says(err, "not our ref", "couldn't find remote ref"):
		return noSubmodule(
			link.path,
			fmt.Errorf("has the commit %s, which is not in %q", link.oid, from),
			"push that commit to the submodule's repository first",
		)
	case says(err, "file too large"):
		return asFault(
			&unpack.Refusal{
				Entry:    link.path,
				Reason:   fmt.Sprintf("is a submodule of more than %s, the limit", unpack.Size(f.limit)),
				TooLarge: true,
			},
		)
	case errors.Is(err, errFetchTime):
		return fault.TransientError(
			"source/submodule-unreachable",
			fmt.Errorf("fetching the %s: not done in %s", what, f.Timeout),
			"try again when the server answers",
		).At(
			"%s",
			link.path,
		)
	case says(err, "fsck error"):
		return noSubmodule(
			link.path,
			fmt.Errorf("can't be fetched from %q: %s", from, complaint(err)),
			"`git fsck` in its repository tells what is wrong with it",
		)
	case says(err, offline...) && !says(err, "returned error: 40"):
		return fault.TransientError(
			"source/submodule-unreachable",
			fmt.Errorf("fetching the %s: %s", what, complaint(err)),
			"try again when the server answers",
		).At(
			"%s",
			link.path,
		)
	}
	if _, ok := errors.AsType[*gitError](err); !ok {
		return fmt.Errorf("fetching the %s: %w", what, err)
	}
	return noSubmodule(link.path, fmt.Errorf("can't be fetched from %q: %s", from, complaint(err)),
		"see that .gitmodules has the right URL, and that this machine may read it without being asked for a password")
}

// complaint is the first line of git's that says what is wrong.
func complaint(err error) string {
	e, ok := errors.AsType[*gitError](err)
	if !ok {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(e.stderr), "\n")
	for i, line := range lines {
		kind, rest, _ := strings.Cut(line, ": ")
		switch kind {
		case "", "warning", "hint":
			continue
		case "fatal", "error":
			line = rest
		}
		if strings.HasSuffix(line, ":") && i+1 < len(lines) {
			line += " " + lines[i+1]
		}
		return strings.TrimSpace(line)
	}
	return e.err.Error()
}
