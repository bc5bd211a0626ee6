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

	"slugc/cache/disk"
	"slugc/cache/unpack"
	"slugc/compiler/fault"
)

// fetcher fetches submodules into repositories of their own, one for each URL. They get nothing of
// the hosting repository: neither its configuration nor the objects of a push in quarantine.
type fetcher struct {
	Submodules
	allow   []pattern
	program string
	search  string
	env     []string // the caller's
	limit   int64    // maximum bytes of one fetch
	seen    int      // number of submodules so far
	repos   map[string]*repository
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

// allowed reads a submodule's URL and checks it against the patterns.
func (f *fetcher) allowed(name, raw string, base remote) (remote, error) {
	r, err := resolve(base, raw)
	if err != nil {
		return r, errSubmodule(
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
	return r, errSubmodule(
		name,
		fmt.Errorf("is at %s, which is not allowed", shown(r.String())),
		"allow its URL with `--allow-submodules PATTERN`, of `slugc build --ref` or, for pushes, "+
			"of `slugc hook install`",
	)
}

// repository returns the repository with a submodule's commit, and fetches that if it is not there
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
		r.hint = fmt.Sprintf("remove %s, where the submodule is kept, and it is fetched again", dir)
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
		_ = removeLocks(dir) // prepare tries again
	}
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return r, f.explain(err, link, from)
}

// kept reports whether a commit was fetched: git makes the ref when everything below it is there.
func (f *fetcher) kept(ctx context.Context, r *repository, oid string) bool {
	if _, err := os.Stat(r.dir); err != nil {
		return false
	}
	out, err := r.firstLine(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", "refs/kept/"+oid+"^{commit}")
	return err == nil && out == oid
}

// fetch fetches a commit alone, or everything from a server that does not serve single commits.
func (f *fetcher) fetch(ctx context.Context, r *repository, oid string, from remote) error {
	if err := prepare(ctx, r, oid); err != nil {
		return err
	}
	err := f.git(ctx, r, from, "--depth=1", "--", from.argument(), "+"+oid+":refs/kept/"+oid)
	if !gitSaid(err, "does not allow request for unadvertised object", "does not support shallow") {
		return err
	}
	err = f.git(ctx, r, from, "--prune", "--", from.argument(),
		"+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*")
	if err != nil {
		return err
	}
	// Only commits that a fetched ref leads to are complete.
	within, err := r.firstLine(ctx, "for-each-ref", "--count=1", "--contains", oid, "refs/all")
	if err != nil || within == "" {
		return errNotThere
	}
	_, err = r.firstLine(ctx, "update-ref", "refs/kept/"+oid, oid)
	return err
}

// prepare makes the repository, or removes what a killed fetch has left in it.
func prepare(ctx context.Context, r *repository, oid string) error {
	if _, err := os.Stat(r.dir); err == nil {
		return removeLocks(r.dir)
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
	repo := newRepository(r.program, r.search, fresh)
	_, err = repo.firstLine(ctx, "init", "--quiet", "--bare", "--template=", "--object-format="+format)
	if err != nil {
		return err
	}
	return os.Rename(fresh, r.dir)
}

// removeLocks removes git's locks, which would stop every later fetch, and half-written packs. No
// ref ends in .lock.
func removeLocks(dir string) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		name := filepath.Base(file)
		if err != nil || d.IsDir() || filepath.Ext(name) != ".lock" && !strings.HasPrefix(name, "tmp_") {
			return err
		}
		return os.Remove(file)
	})
}

// fetchSettings are git's settings for a fetch: every object is checked, and no hook, helper,
// background job or redirect runs.
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

// git runs `git fetch`. A shell limits the size of files that it may write, because Go cannot start
// a process with a limit. The limit's signal is ignored, so that git reports the error.
func (f *fetcher) git(ctx context.Context, r *repository, from remote, args ...string) error {
	blocks := strconv.FormatInt(f.limit/512+1, 10)
	line := []string{"-c", `trap '' XFSZ; ulimit -f "$0"; exec "$@"`, blocks, r.program, "-C", r.dir}
	for _, setting := range fetchSettings {
		line = append(line, "-c", setting)
	}
	line = append(line, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head",
		"--no-auto-gc")
	cmd := exec.CommandContext(ctx, "/bin/sh", append(line, args...)...)
	cmd.Env = append(pick(f.env, network),
		"PATH="+f.search, "LC_ALL=C", "HOME="+r.dir, // no .netrc
		"GIT_CEILING_DIRECTORIES="+filepath.Dir(r.dir), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_ALLOW_PROTOCOL="+from.scheme, "GIT_NO_REPLACE_OBJECTS=1", "GIT_TERMINAL_PROMPT=0")
	if from.scheme == "ssh" {
		cmd.Env = append(
			append(cmd.Env, pick(f.env, []string{"SSH_AUTH_SOCK"})...),
			"GIT_SSH_VARIANT=ssh",
			"GIT_SSH_COMMAND=ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=20 "+
				"-o ServerAliveInterval=20 -o ClearAllForwardings=yes",
		)
	}
	stderr := &output{}
	cmd.Stderr = stderr
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
		said := stderr.buf.String()
		return &gitError{verb: "fetch", stderr: said, err: disk.Reported(err, said)}
	}
	return nil
}

var (
	errFetchTime = errors.New("not done in time")
	errNotThere  = errors.New("no such commit there")
)

// offline are texts, in lower case, that git and its helpers print when a server cannot be reached
// or the connection breaks. Git has no other way to report these errors.
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

// gitSaid reports whether git has printed one of the texts, in any case.
func gitSaid(err error, texts ...string) bool {
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

// explain gives the error of a fetch its owner and id.
func (f *fetcher) explain(err error, link gitlink, from remote) error {
	what := fmt.Sprintf("submodule %q from %q", link.path, from)
	_, trouble := disk.TroubleOf(err)
	switch {
	case err == nil:
		return nil
	case trouble:
		return fmt.Errorf("fetching the %s into %q: %w", what, f.Cache, err)
	case errors.Is(err, errNotThere), gitSaid(err, "not our ref", "couldn't find remote ref"):
		return errSubmodule(
			link.path,
			fmt.Errorf("has the commit %s, which is not in %q", link.oid, from),
			"push that commit to the submodule's repository first",
		)
	case gitSaid(err, "file too large"):
		return errTooLarge(link.path, fmt.Sprintf("is a submodule of more than %s, the limit", unpack.Size(f.limit)))
	case errors.Is(err, errFetchTime):
		return errUnreachable(link, fmt.Errorf("fetching the %s: not done in %s", what, f.Timeout))
	case gitSaid(err, "fsck error"):
		return errSubmodule(
			link.path,
			fmt.Errorf("can't be fetched from %q: %s", from, complaint(err)),
			"`git fsck` in its repository tells what is wrong with it",
		)
	case gitSaid(err, offline...) && !gitSaid(err, "returned error: 40"):
		return errUnreachable(link, fmt.Errorf("fetching the %s: %s", what, complaint(err)))
	}
	if _, ok := errors.AsType[*gitError](err); !ok {
		return fmt.Errorf("fetching the %s: %w", what, err)
	}
	return errSubmodule(link.path, fmt.Errorf("can't be fetched from %q: %s", from, complaint(err)),
		"see that .gitmodules has the right URL, and that this machine may read it without being asked for a password")
}

// errUnreachable is the error for a submodule whose server does not answer.
func errUnreachable(link gitlink, err error) error {
	return fault.TransientError("source/submodule-unreachable", err, "try again when the server answers").
		At("%s", link.path)
}

// complaint returns the first line of git's that says what is wrong.
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
