package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/note"
)

// publicKey is the hash and key of Go's public checksum database. A hash covers the name, so this
// makes a verifier for no other.
const publicKey = "+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"

// verify compares a module's hash with the checksum database's. Where the settings exempt the
// module, that is noted.
func (g *goProxy) verify(ctx context.Context, proxy, version, got string, j *job) error {
	set := g.st.set
	if set.GoSumDB == off {
		j.note("the checksum database is off: " + g.name() + " is trusted for Go")
		return nil
	}
	if module.MatchPrefixPatterns(set.GoNoSumDB, goModule) {
		j.note("GONOSUMDB exempts Go from the checksum database: " + g.name() + " is trusted")
		return nil
	}
	db, err := newSumdb(ctx, g.st, proxy)
	if err != nil {
		return fmt.Errorf("verifying Go: %w", err)
	}
	lines, err := sumdb.NewClient(db).Lookup(goModule, version)
	if err != nil {
		if db.err() != nil {
			err = db.err()
		}
		return fmt.Errorf("verifying %s %s by the checksum database: %w", goModule, version, err)
	}
	prefix := goModule + " " + version + " "
	for _, line := range lines {
		if want, ok := strings.CutPrefix(line, prefix); ok && strings.HasPrefix(want, "h1:") {
			if want != got {
				return &digestError{goModule + " " + version, want, got}
			}
			return nil
		}
	}
	return fmt.Errorf("verifying %s %s: the checksum database states no hash for it", goModule, version)
}

// sumdbOps is sumdb.ClientOps over the store: the database through the proxy where that relays it,
// else directly.
type sumdbOps struct {
	ctx        context.Context
	st         *Store
	name       string
	key        string
	proxy, own string // bases of the relay and of the database itself

	once sync.Once
	base string

	mu     sync.Mutex
	failed error
}

// newSumdb reads GOSUMDB: "name", "name+hash+key", each perhaps with an address of its own.
func newSumdb(ctx context.Context, st *Store, proxy string) (*sumdbOps, error) {
	f := strings.Fields(st.set.GoSumDB)
	if len(f) == 0 || len(f) > 2 {
		return nil, errors.New("GOSUMDB is neither a name nor a key nor off")
	}
	key := f[0]
	if !strings.Contains(key, "+") {
		key += publicKey
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return nil, errors.New("the key of the database that GOSUMDB names is not known: write name+hash+key")
	}
	db := &sumdbOps{ctx: ctx, st: st, name: v.Name(), key: key, proxy: proxy, own: "https://" + v.Name()}
	if len(f) == 2 {
		db.own = strings.TrimRight(f[1], "/")
	}
	return db, nil
}

func (o *sumdbOps) err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed
}

func (o *sumdbOps) fail(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = err
	}
	return err
}

// ReadRemote reads a path of the database, through the proxy if it says that it relays this one.
func (o *sumdbOps) ReadRemote(path string) ([]byte, error) {
	o.once.Do(func() {
		o.base = o.own
		relay := o.proxy + "/sumdb/" + o.name
		if strings.HasPrefix(o.proxy, "file:") {
			return
		}
		if _, err := o.st.web.read(o.ctx, relay+"/supported", nil, 1<<16); err == nil {
			o.base = relay
		}
	})
	b, err := o.st.web.read(o.ctx, o.base+path, nil, 4<<20)
	if err != nil {
		return nil, o.fail(err)
	}
	return b, nil
}

// ReadConfig reads the database's key or the latest tree that was seen.
func (o *sumdbOps) ReadConfig(file string) ([]byte, error) {
	if file == "key" {
		return []byte(o.key), nil
	}
	b, err := os.ReadFile(o.file("config", file))
	if errors.Is(err, fs.ErrNotExist) {
		return []byte{}, nil
	}
	return b, err
}

// WriteConfig replaces the latest tree if it still is what the caller has read.
func (o *sumdbOps) WriteConfig(file string, old, new []byte) error {
	if file == "key" {
		return errors.New("the key is not written")
	}
	name := o.file("config", file)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	l := flock.New(filepath.Join(o.st.dir, lockDir, "sumdb"))
	if _, err := l.TryLockContext(o.ctx, lockPoll); err != nil {
		return err
	}
	defer l.Unlock()
	now, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(now) > 0 && !bytes.Equal(now, old) {
		return sumdb.ErrWriteConflict
	}
	return renameio.WriteFile(name, new, 0o644)
}

// ReadCache reads a tile or a lookup that was kept.
func (o *sumdbOps) ReadCache(file string) ([]byte, error) { return os.ReadFile(o.file("cache", file)) }

// WriteCache keeps a tile or a lookup; one that cannot be kept is asked for again.
func (o *sumdbOps) WriteCache(file string, data []byte) {
	name := o.file("cache", file)
	if os.MkdirAll(filepath.Dir(name), 0o755) == nil {
		_ = renameio.WriteFile(name, data, 0o644)
	}
}

// Log hears of progress that nobody asked for.
func (*sumdbOps) Log(string) {}

// SecurityError hears that the database contradicts itself.
func (o *sumdbOps) SecurityError(msg string) {
	first, _, _ := strings.Cut(strings.TrimSpace(msg), "\n")
	o.fail(
		fmt.Errorf(
			"the checksum database contradicts what it said before: %s",
			strings.ToLower(strings.TrimSuffix(first, ":")),
		),
	)
}

// file is where a database's file lies. Its names hold only what the database's own grammar admits;
// anything else is kept flat.
func (o *sumdbOps) file(kind, name string) string {
	p := filepath.FromSlash(name)
	if !filepath.IsLocal(p) {
		p = strings.ReplaceAll(name, "/", "-")
	}
	return filepath.Join(o.st.dir, sumdbDir, kind, p)
}
