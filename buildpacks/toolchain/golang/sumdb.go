package golang

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

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/note"

	"slugc/buildpacks/toolchain/source"
	"slugc/cache/disk"
)

// publicKey is the hash and key of Go's public checksum database. A hash covers the name, so this
// makes a verifier for no other.
const publicKey = "+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"

// verify compares a module's hash with the checksum database's. Where the settings exempt the
// module, it notes that for people.
func (p *proxy) verify(ctx context.Context, base, version, got string, j *source.Job) error {
	if p.set.SumDB == "off" {
		j.Note("the checksum database is off: " + proxyName + " is trusted for Go")
		return nil
	}
	if module.MatchPrefixPatterns(p.set.NoSumDB, modulePath) {
		j.Note("GONOSUMDB exempts Go from the checksum database: " + proxyName + " is trusted")
		return nil
	}
	db, err := newSumDB(ctx, p.env, p.set.SumDB, base)
	if err != nil {
		return fmt.Errorf("verifying Go: %w", err)
	}
	lines, err := sumdb.NewClient(db).Lookup(modulePath, version)
	if err != nil {
		if db.err() != nil {
			err = db.err()
		}
		return fmt.Errorf("verifying %s %s by the checksum database: %w", modulePath, version, err)
	}
	prefix := modulePath + " " + version + " "
	for _, line := range lines {
		if want, ok := strings.CutPrefix(line, prefix); ok && strings.HasPrefix(want, "h1:") {
			if want != got {
				return &source.DigestError{What: modulePath + " " + version, Want: want, Got: got}
			}
			return nil
		}
	}
	return fmt.Errorf("verifying %s %s: the checksum database states no hash for it", modulePath, version)
}

// sumDB is sumdb.ClientOps over the store: the database through the proxy where that relays it,
// else directly.
type sumDB struct {
	ctx        context.Context
	env        *source.Env
	name       string
	key        string
	proxy, own string // bases of the relay and of the database itself

	once sync.Once
	base string

	mu     sync.Mutex
	failed error // the first failure; the client's own errors say less
}

// newSumDB reads GOSUMDB: "name", "name+hash+key", each perhaps with an address of its own. proxy
// is the base of the proxy that may relay the database.
func newSumDB(ctx context.Context, env *source.Env, setting, proxy string) (*sumDB, error) {
	f := strings.Fields(setting)
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
	db := &sumDB{ctx: ctx, env: env, name: v.Name(), key: key, proxy: proxy, own: "https://" + v.Name()}
	if len(f) == 2 {
		db.own = strings.TrimRight(f[1], "/")
	}
	return db, nil
}

func (d *sumDB) err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

func (d *sumDB) fail(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed == nil {
		d.failed = err
	}
	return err
}

// ReadRemote reads a path of the database, through the proxy if that relays this one.
func (d *sumDB) ReadRemote(path string) ([]byte, error) {
	d.once.Do(func() {
		d.base = d.own
		relay := d.proxy + "/sumdb/" + d.name
		if strings.HasPrefix(d.proxy, "file:") {
			return
		}
		if _, err := d.env.Web.Read(d.ctx, relay+"/supported", nil, 1<<16); err == nil {
			d.base = relay
		}
	})
	b, err := d.env.Web.Read(d.ctx, d.base+path, nil, 4<<20)
	if err != nil {
		return nil, d.fail(err)
	}
	return b, nil
}

// ReadConfig reads the database's key or the latest tree that was seen.
func (d *sumDB) ReadConfig(file string) ([]byte, error) {
	if file == "key" {
		return []byte(d.key), nil
	}
	b, err := os.ReadFile(d.file("config", file))
	if errors.Is(err, fs.ErrNotExist) {
		return []byte{}, nil
	}
	return b, err
}

// WriteConfig replaces the latest tree if it still is what the caller has read.
func (d *sumDB) WriteConfig(file string, old, new []byte) error {
	if file == "key" {
		return errors.New("the key is not written")
	}
	name := d.file("config", file)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	unlock, err := d.env.Lock(d.ctx, "sumdb")
	if err != nil {
		return err
	}
	defer unlock()
	now, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(now) > 0 && !bytes.Equal(now, old) {
		return sumdb.ErrWriteConflict
	}
	return disk.WriteFile(name, new, 0o644)
}

// ReadCache reads a tile or a lookup that was kept.
func (d *sumDB) ReadCache(file string) ([]byte, error) { return os.ReadFile(d.file("cache", file)) }

// WriteCache keeps a tile or a lookup; one that cannot be kept is asked for again.
func (d *sumDB) WriteCache(file string, data []byte) {
	name := d.file("cache", file)
	if os.MkdirAll(filepath.Dir(name), 0o755) == nil {
		_ = disk.WriteFile(name, data, 0o644)
	}
}

// Log drops a line about progress.
func (*sumDB) Log(string) {}

// SecurityError is called when the database contradicts itself.
func (d *sumDB) SecurityError(msg string) {
	first, _, _ := strings.Cut(strings.TrimSpace(msg), "\n")
	first = strings.ToLower(strings.TrimSuffix(first, ":"))
	_ = d.fail(fmt.Errorf("the checksum database contradicts what it said before: %s", first))
}

// file is where a file of the database is kept. Its names hold only what the database's own grammar
// admits; any other is kept flat.
func (d *sumDB) file(kind, name string) string {
	p := filepath.FromSlash(name)
	if !filepath.IsLocal(p) {
		p = strings.ReplaceAll(name, "/", "-")
	}
	return filepath.Join(d.env.Dir, ".sumdb", kind, p)
}
