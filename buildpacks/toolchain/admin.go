package toolchain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// List returns what is in the store, of every platform, by tool and falling version. Requested and
// From are empty: a tree has no one who asked.
func (st *Store) List() ([]Toolchain, error) {
	var all []Toolchain
	err := st.each(func(r *record, tree string) error {
		all = append(all, r.toolchain(tree))
		return nil
	})
	return all, err
}

func (r *record) toolchain(tree string) Toolchain {
	return Toolchain{Tool: r.Tool, Version: r.Version, Source: r.Source, Digest: r.Digest, Dir: tree}
}

// each calls do with every whole tree of the store.
func (st *Store) each(do func(r *record, tree string) error) error {
	tools := make([]string, 0, len(st.tools))
	for name := range st.tools {
		tools = append(tools, name)
	}
	slices.Sort(tools)
	for _, name := range tools {
		entries, err := os.ReadDir(filepath.Join(st.dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("listing the toolchain store: %w", err)
		}
		type held struct {
			r    *record
			tree string
		}
		var list []held
		for _, e := range entries {
			tree := filepath.Join(st.dir, name, e.Name())
			if r := readRecord(tree); r != nil && r.Tool == name {
				list = append(list, held{r, tree})
			}
		}
		slices.SortStableFunc(list, func(a, b held) int {
			return cmp.Or(st.tools[name].compare(b.r.Version, a.r.Version), strings.Compare(a.tree, b.tree))
		})
		for _, h := range list {
			if err := do(h.r, h.tree); err != nil {
				return err
			}
		}
	}
	return nil
}

// Prune removes the trees that keep does not want to keep, and listings that are out of date, and
// returns how many bytes the files removed had. lastUsed is at most an hour too early; it is zero
// for a tree that was never asked for. keep must spare what a running build may have been given:
// what was used within the longest time that a build may take. keep is called with the tree's lock
// held: quickly, please.
func (st *Store) Prune(keep func(t Toolchain, lastUsed time.Time) bool) (freed int64, err error) {
	err = st.each(func(r *record, tree string) error {
		n, err := st.pruneOne(r, tree, keep)
		freed += n
		return err
	})
	st.forget(listingDir)
	st.forget(choiceDir)
	return freed, err
}

func (st *Store) pruneOne(r *record, tree string, keep func(Toolchain, time.Time) bool) (int64, error) {
	id := fmt.Sprintf("%s-%s-%s-%s", r.Tool, r.Version, r.OS, r.Arch)
	if filepath.Base(tree) != strings.TrimPrefix(id, r.Tool+"-") {
		return 0, nil // not where its record says: not ours to touch
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	lock, err := st.lock(ctx, id, false)
	if errors.Is(err, context.DeadlineExceeded) {
		return 0, nil // somebody is at it: so it is in use
	}
	if err != nil {
		return 0, err
	}
	defer lock.Unlock()
	if keep(r.toolchain(tree), st.lastUse(id)) {
		return 0, nil
	}
	size := sizeOf(tree)
	doomed := filepath.Join(st.dir, stagingDir, id)
	if err := removeTree(doomed); err != nil {
		return 0, fmt.Errorf("pruning %s: %w", id, err)
	}
	if err := os.Rename(tree, doomed); err != nil {
		return 0, fmt.Errorf("pruning %s: %w", id, err)
	}
	if err := removeTree(doomed); err != nil {
		return 0, fmt.Errorf("pruning %s: %w", id, err)
	}
	os.Remove(filepath.Join(st.dir, usedDir, id))
	return size, nil
}

// forget removes notes that nothing has refreshed for a month.
func (st *Store) forget(dir string) {
	entries, _ := os.ReadDir(filepath.Join(st.dir, dir))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && st.set.Now().Sub(info.ModTime()) > 30*freshFor {
			os.Remove(filepath.Join(st.dir, dir, e.Name()))
		}
	}
}

func sizeOf(dir string) int64 {
	var n int64
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// SourceStatus is one source as [Store.Probe] found it.
type SourceStatus struct {
	Name    string   // "nodejs.org", "npm registry", "go module proxy", "checksum database", "go.dev", "this machine"
	Tools   []string // what it serves
	Address string   // without credentials; "" where none is set
	Off     bool     // switched off, or not set
	Err     error    // why it cannot be used, in one line; nil where it answers
}

// Probe asks every source whether it is there, all at once, without changing the store. Each is
// given ten seconds.
func (st *Store) Probe(ctx context.Context) []SourceStatus {
	ctx, cancel := context.WithTimeoutCause(
		ctx,
		10*time.Second,
		passing{errors.New("it does not answer within ten seconds")},
	)
	defer cancel()
	var all []SourceStatus
	var asks []func() error
	add := func(s SourceStatus, ask func() error) {
		s.Off = ask == nil
		all, asks = append(all, s), append(asks, ask)
	}
	st.probeNode(ctx, add)
	st.probeGo(ctx, add)
	var wg sync.WaitGroup
	for i, ask := range asks {
		if ask != nil {
			wg.Go(func() { all[i].Err = ask() })
		}
	}
	wg.Wait()
	return all
}

type addStatus func(s SourceStatus, ask func() error)

func (st *Store) probeNode(ctx context.Context, add addStatus) {
	dist := &nodeDist{st}
	s := SourceStatus{Name: dist.name(), Tools: []string{"node"}}
	if st.set.NodeDist == off {
		add(s, nil)
	} else {
		s.Address = showText(dist.base())
		add(s, func() error { return st.answers(ctx, dist.base()+"/index.json", false) })
	}
	r := newRegistry(st)
	s = SourceStatus{Name: "npm registry", Tools: []string{"node", "npm", "pnpm", "yarn", "bun"}}
	base, err := r.address(ctx)
	switch {
	case errors.Is(err, errDisabled):
		add(s, nil)
	case err != nil:
		add(s, func() error { return err })
	default:
		s.Address = showText(base)
		add(s, func() error {
			a, err := st.web.get(ctx, base+"/npm", r.header(base+"/npm"))
			if err == nil {
				a.body.Close()
			}
			return err
		})
	}
}

func (st *Store) probeGo(ctx context.Context, add addStatus) {
	proxies := 0
	s := SourceStatus{Name: "go module proxy", Tools: []string{"go"}}
	for _, b := range proxyBases(st.set.GoProxy) {
		if b.base == "direct" {
			continue
		}
		if b.base == off {
			break
		}
		proxies++
		s.Address = showText(b.base)
		add(s, func() error { return st.answers(ctx, b.base+"/"+goModule+"/@v/list", true) })
		if proxies == 1 && st.set.GoSumDB != off {
			add(SourceStatus{Name: "checksum database", Tools: []string{"go"}}, func() error {
				db, err := newSumdb(ctx, st, b.base)
				if err == nil {
					_, err = db.ReadRemote("/latest")
				}
				return err
			})
		}
	}
	if proxies == 0 {
		add(s, nil)
	}
	dist := &goDist{st}
	s = SourceStatus{Name: dist.name(), Tools: []string{"go"}}
	if st.set.GoDist == off {
		add(s, nil)
	} else {
		s.Address = showText(dist.base())
		add(s, func() error { return st.answers(ctx, dist.listing(), false) })
	}
	local := &localGo{st}
	s = SourceStatus{Name: local.name(), Tools: []string{"go"}, Address: st.set.LocalGo.Root}
	if st.set.LocalGo.Root == "" {
		add(s, nil)
	} else {
		add(s, func() error { _, _, err := local.find(ctx, &want{pick: pickFirst}); return err })
	}
}

func pickFirst(l *listing) (string, string) { return l.versions[0], "" }

// answers asks for a document and does not read it. A source that need not have it may refuse.
func (st *Store) answers(ctx context.Context, addr string, mayRefuse bool) error {
	a, err := st.web.get(ctx, addr, nil)
	if err == nil {
		return a.body.Close()
	}
	if mayRefuse && refused(err) {
		return nil
	}
	return err
}
